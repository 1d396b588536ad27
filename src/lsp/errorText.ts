import { UserError } from "../protocol/errors.ts";

/** For a message to the user. */
export function errorText(error: unknown): string {
  if (error instanceof UserError) return `Probelens: ${error.message}`;
  return `Probelens failed, and this is a defect of it: ${error instanceof Error ? error.message : String(error)}. The log has more.`;
}
