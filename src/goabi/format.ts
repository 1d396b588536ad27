/** Locations as the CLI's contract writes them: `RAX:8`, `CFA+16:8`, `X0:4`, `?:4`; pieces in memory order. */
import type { Location, Piece } from "./location.ts";

export function formatLocation(location: Location): string[] {
  return location.map(formatPiece);
}

function formatPiece({ size, place }: Piece): string {
  if (place.at === "register") return `${place.register}:${size}`;
  if (place.at === "cfa") return `CFA${place.offset < 0 ? "-" : "+"}${Math.abs(place.offset)}:${size}`;
  return `?:${size}`;
}
