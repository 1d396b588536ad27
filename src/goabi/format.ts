/** Locations as the CLI's contract writes them: `RAX:8`, `CFA+16:8`, `X0:4`, `?:4`; pieces in memory order. */
import type { Location, Piece } from "./location.ts";

export function formatLocation(location: Location): string[] {
  return location.map(formatPiece);
}

function formatPiece({ size, place }: Piece): string {
  switch (place.at) {
    case "register":
      return `${place.register}:${size}`;
    case "cfa":
      return `CFA${place.offset < 0 ? "-" : "+"}${Math.abs(place.offset)}:${size}`;
    case "unknown":
      return `?:${size}`;
  }
}
