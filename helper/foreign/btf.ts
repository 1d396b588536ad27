/** The kernel's own type information. */
import { copyMemory, libbpf, type Pointer } from "./native.ts";

const BTF_KIND_STRUCT = 4;

/** Byte offset of `path` in a kernel structure by the kernel's own BTF; undefined where there is none. */
export function kernelFieldOffset(structure: string, path: readonly string[]): number | undefined {
  const btf = libbpf("btf__load_vmlinux_btf")() as Pointer | null;
  if (!btf) return undefined;
  try {
    let id = Number(libbpf("btf__find_by_name_kind")(btf, structure, BTF_KIND_STRUCT));
    let bits = 0;
    for (const name of path) {
      if (id <= 0) return undefined;
      const member = findMember(btf, id, name);
      if (!member) return undefined;
      id = member.type;
      bits += member.bits;
    }
    return bits / 8;
  } finally {
    libbpf("btf__free")(btf);
  }
}

/** struct btf_type {name_off, info, size} and struct btf_member {name_off, type, offset}: include/uapi/linux/btf.h. */
function findMember(btf: Pointer, id: number, name: string): { type: number; bits: number } | undefined {
  const type = libbpf("btf__type_by_id")(btf, id) as Pointer | null;
  if (!type) return undefined;
  const head = new Uint32Array(3);
  copyMemory(head, type, 12);
  const info = head[1] ?? 0;
  if (((info >>> 24) & 0x1f) !== BTF_KIND_STRUCT) return undefined;
  const hasBitfields = info >>> 31 === 1; // Then the upper 8 bits of the offset are the bit-field size.
  const count = info & 0xffff;
  const members = new Uint32Array(count * 3);
  copyMemory(members, type + 12n, count * 12);
  for (let index = 0; index < count; index++) {
    if (libbpf("btf__name_by_offset")(btf, members[index * 3]) !== name) continue;
    const offset = members[index * 3 + 2] ?? 0;
    return { type: members[index * 3 + 1] ?? 0, bits: hasBitfields ? offset & 0xffffff : offset };
  }
  return undefined;
}
