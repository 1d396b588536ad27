/** elfy 1.0.0 brings no types; this is the part of its result that src/elf/elf.ts uses. */
declare module "elfy" {
  namespace elfy {
    interface Program {
      /** Name of the type, undefined for types that elfy does not know. */
      type: string | undefined;
      offset: number;
      vaddr: number;
      filesz: number;
      memsz: number;
      align: number;
      flags: { r?: boolean; w?: boolean; x?: boolean };
    }
    interface Section {
      name: string;
      type: string | number;
      addr: number;
      off: number;
      size: number;
      link: number;
    }
    interface File {
      body: { programs: Program[]; sections: Section[] };
    }
  }
  const elfy: { parse(bytes: Buffer): elfy.File };
  export default elfy;
}
