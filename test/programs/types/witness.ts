/** What the program in this folder prints: its functions' parameter and result types, as package reflect has them. */
export interface TypesWitness {
  /** `Params` and `Results` are indexes in `types`. */
  functions: { Name: string; Params: number[]; Results: number[] }[];
  types: DescribedType[];
}

export interface DescribedType {
  Name: string;
  Kind: string;
  Size: number;
  Align: number;
  Named: boolean;
  Elem?: number;
  Key?: number;
  Len?: number;
  Dir?: string;
  Empty?: boolean;
  Fields?: { Name: string; Offset: number; Embedded: boolean; Type: number }[];
}
