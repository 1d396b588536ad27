/**
 * Parameters that a function never changes: not assigned anew, their address not taken, so that they have one value from
 * the call to the end. Judged from the syntax alone, and always towards "changed": a shadowing variable of the same name
 * counts as the parameter.
 */
import type { GoType } from "../../goabi/type.ts";
import type { SyntaxNode } from "../syntax/parser.ts";

export interface Param {
  readonly name: string;
  readonly type: GoType;
}

/** `declaration`: of a function, a method or a function literal. */
export function unchangedParams(declaration: SyntaxNode, params: readonly Param[]): Set<string> {
  const body = declaration.childForFieldName("body");
  if (body === null || body.hasError) return new Set();
  const byName = new Map(params.map((param) => [param.name, param.type]));
  const unchanged = new Set(byName.keys());
  for (const node of body.descendantsOfType("identifier")) {
    const type = byName.get(node.text);
    if (type !== undefined && unchanged.has(node.text) && mayChange(node, type)) unchanged.delete(node.text);
  }
  return unchanged;
}

function mayChange(identifier: SyntaxNode, type: GoType): boolean {
  // Fields and elements of structs and arrays are part of the parameter; what pointers, slices and maps lead to is not.
  const hasParts = type.kind === "struct" || type.kind === "array" || type.kind === "unknown";
  let node = identifier;
  let selected = "";
  for (;;) {
    const parent = node.parent;
    if (parent === null) return true;
    if (parent.type === "parenthesized_expression") node = parent;
    else if (parent.type === "selector_expression" && isField(parent, "operand", node)) {
      // A method of a value without fields may have a pointer receiver, and so take the address.
      if (!hasParts) return type.kind !== "ptr" && type.kind !== "interface";
      selected ||= parent.childForFieldName("field")?.text ?? "";
      node = parent;
    } else if (parent.type === "index_expression" && isField(parent, "operand", node) && hasParts) node = parent;
    else if (parent.type === "slice_expression" && isField(parent, "operand", node)) return hasParts;
    else break;
  }
  if (selected !== "" && !isPlainField(type, selected, node)) return true;
  const parent = node.parent;
  if (parent === null) return true;
  switch (parent.type) {
    case "unary_expression":
      return parent.childForFieldName("operator")?.text === "&";
    case "inc_statement":
    case "dec_statement":
      return true;
    case "assignment_statement":
    case "short_var_declaration":
    case "range_clause":
    case "receive_statement":
      return isField(parent, "left", node);
    case "expression_list": {
      const statement = parent.parent;
      return statement === null || (statement.childForFieldName("left") !== null && isField(statement, "left", parent));
    }
    default:
      return false;
  }
}

/** A chain of fields that is neither called nor a method value; its first name must be one of the struct's own. */
function isPlainField(type: GoType, name: string, chain: SyntaxNode): boolean {
  if (type.kind !== "struct" || !type.fields.some((field) => field.name === name && !field.embedded)) return false;
  const call = chain.parent;
  if (call?.type === "call_expression" && isField(call, "function", chain)) return false;
  return innermostIsField(type, chain);
}

/** `x.a.b`: every name up to the last must be a field, so that none of them is a method value. */
function innermostIsField(type: GoType, chain: SyntaxNode): boolean {
  const names: string[] = [];
  for (let node: SyntaxNode | null = chain; node !== null && node.type !== "identifier"; ) {
    if (node.type === "selector_expression") names.unshift(node.childForFieldName("field")?.text ?? "");
    node = node.type === "parenthesized_expression" ? node.namedChild(0) : node.childForFieldName("operand");
  }
  let current: GoType = type;
  for (const name of names) {
    while (current.kind === "array") current = current.elem;
    // Behind a pointer nothing is part of the parameter any more.
    if (current.kind === "ptr") return true;
    if (current.kind !== "struct") return false;
    const field = current.fields.find((candidate) => candidate.name === name && !candidate.embedded);
    if (field === undefined) return false;
    current = field.type;
  }
  return true;
}

function isField(parent: SyntaxNode, name: string, child: SyntaxNode): boolean {
  return parent.childForFieldName(name)?.id === child.id;
}
