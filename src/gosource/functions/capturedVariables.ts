/**
 * What a function literal captures, in the order of its closure object: that in which the compiler meets the variables
 * when it writes the literal's body (cmd/compile/internal/noder/writer.go, funcLit and useLocal), which is that of the
 * text. It leaves out what it can tell never to run, and operands of constants; where one of those is the first to name a
 * variable, nothing is said of the literal.
 */
import type { CapturedName } from "../../gobinary/api.ts";
import type { SyntaxNode } from "../syntax/parser.ts";

/** Deeper nesting is nobody's, and this is recursive. */
const MAX_DEPTH = 500;

/**
 * `literal` stands in `holder`, the outermost function around it. Undefined where the syntax alone does not tell. In a
 * generic function the literal captures the dictionary, too, behind all of these.
 */
export function capturedVariables(holder: SyntaxNode, literal: SyntaxNode): readonly CapturedName[] | undefined {
  if (holder.hasError) return undefined;
  const search = new Search(literal);
  search.function(holder, 0);
  return search.result;
}

/** Of a file: its functions and methods, and the literals that stand in none. */
export function outermostFunctions(root: SyntaxNode): SyntaxNode[] {
  return root.namedChildren.flatMap((node) => {
    if (node?.type === "function_declaration" || node?.type === "method_declaration") return node;
    if (node?.type !== "var_declaration") return [];
    const literals = node.descendantsOfType("func_literal").flatMap((literal) => literal ?? []);
    return literals.filter(({ startIndex }) =>
      literals.every((other) => !(other.startIndex < startIndex && startIndex < other.endIndex)),
    );
  });
}

interface Declared {
  /** False: a constant or a type, which hides variables of its name. */
  readonly variable: boolean;
  /** Not in the literal. */
  readonly outside: boolean;
  readonly type?: SyntaxNode;
}

type Scope = Map<string, Declared>;

class Search {
  readonly #literal: SyntaxNode;
  readonly #scopes: Scope[] = [];
  readonly #captured = new Map<Declared, CapturedName>();
  #state: "before" | "inside" | "behind" = "before";
  /** Within so many things that the compiler may leave out. */
  #doubtful = 0;
  #isTold = true;

  constructor(literal: SyntaxNode) {
    this.#literal = literal;
  }

  get result(): readonly CapturedName[] | undefined {
    return this.#isTold && this.#state === "behind" ? [...this.#captured.values()] : undefined;
  }

  /** A declaration or a literal. Parameters, results and body are one block. */
  function(node: SyntaxNode, depth: number): void {
    const isWanted = node.id === this.#literal.id;
    if (isWanted) this.#state = "inside";
    this.#scopes.push(new Map());
    for (const field of ["receiver", "parameters", "result"]) this.#parameters(node.childForFieldName(field));
    const body = node.childForFieldName("body");
    if (body !== null) this.#statements(body.namedChildren, depth + 1);
    this.#scopes.pop();
    if (isWanted) this.#state = "behind";
  }

  #parameters(list: SyntaxNode | null): void {
    if (list?.type !== "parameter_list") return;
    for (const parameter of list.namedChildren) {
      if (parameter === null) continue;
      const type = parameter.type === "parameter_declaration" ? parameter.childForFieldName("type") : undefined;
      for (const name of parameter.childrenForFieldName("name")) this.#declare(name, true, type ?? undefined);
    }
  }

  #visit(node: SyntaxNode | null, depth: number): void {
    if (node === null || this.#state === "behind" || !this.#isTold) return;
    if (depth > MAX_DEPTH) {
      this.#isTold = false;
      return;
    }
    const next = depth + 1;
    const field = (name: string) => node.childForFieldName(name);
    switch (node.type) {
      case "identifier":
        this.#use(node.text);
        return;
      case "func_literal":
        this.function(node, next);
        return;
      case "block":
        this.#inScope(() => this.#statements(node.namedChildren, next));
        return;
      case "short_var_declaration":
        this.#define(field("left"), field("right"), next);
        return;
      case "var_spec":
        this.#visit(field("value"), next);
        for (const name of node.childrenForFieldName("name")) this.#declare(name, true, field("type") ?? undefined);
        return;
      case "const_spec":
      case "type_spec":
      case "type_alias":
        for (const name of node.childrenForFieldName("name")) this.#declare(name, false);
        return;
      case "if_statement":
        this.#inScope(() => {
          this.#visit(field("initializer"), next);
          this.#visit(field("condition"), next);
          this.#doubt(this.#mayBeConstant(field("condition")), () => {
            this.#visit(field("consequence"), next);
            this.#visit(field("alternative"), next);
          });
        });
        return;
      case "for_statement":
        this.#inScope(() => this.#loop(node, next));
        return;
      case "expression_switch_statement":
        this.#inScope(() => this.#switch(node, next));
        return;
      case "type_switch_statement":
        this.#inScope(() => {
          this.#visit(field("initializer"), next);
          this.#visit(field("value"), next);
          for (const name of field("alias")?.namedChildren ?? []) this.#declare(name, true);
          for (const clause of node.namedChildren)
            if (clause?.type === "type_case" || clause?.type === "default_case")
              this.#inScope(() => this.#statements(clause.namedChildren, next));
        });
        return;
      case "communication_case":
      case "default_case":
        this.#inScope(() => this.#statements(node.namedChildren, next));
        return;
      case "receive_statement":
        if (isDefinition(node)) this.#define(field("left"), field("right"), next);
        else this.#children(node, next);
        return;
      case "labeled_statement":
        this.#visit(node.namedChildren.at(-1) ?? null, next);
        return;
      case "selector_expression":
        this.#visit(field("operand"), next);
        return;
      case "call_expression":
        // The length of an array is a constant, whatever the array.
        this.#doubt(this.#isConstantCall(node), () => this.#children(node, next));
        return;
      case "composite_literal":
        this.#elements(field("body"), field("type")?.type ?? "", next);
        return;
      case "literal_value":
        this.#elements(node, "", next);
        return;
      default:
        if (!TYPES.has(node.type)) this.#children(node, next);
    }
  }

  #children(node: SyntaxNode, depth: number): void {
    for (const child of node.namedChildren) this.#visit(child, depth);
  }

  #inScope(visit: () => void): void {
    this.#scopes.push(new Map());
    visit();
    this.#scopes.pop();
  }

  #doubt(doubtful: boolean, visit: () => void): void {
    this.#doubtful += doubtful ? 1 : 0;
    visit();
    this.#doubtful -= doubtful ? 1 : 0;
  }

  /** What stands behind a statement that never ends is left out (terminates in the compiler's writer.go). */
  #statements(nodes: readonly (SyntaxNode | null)[], depth: number): void {
    let isDead = false;
    for (const node of nodes.flatMap((each) => (each?.type === "statement_list" ? each.namedChildren : [each]))) {
      this.#doubt(isDead, () => this.#visit(node, depth));
      isDead ||= node !== null && mayNotEnd(node);
    }
  }

  /** `left := right`. A name that this block has already is not declared anew. */
  #define(left: SyntaxNode | null, right: SyntaxNode | null, depth: number): void {
    const names = left?.type === "identifier" ? [left] : (left?.namedChildren ?? []);
    const isNew = (name: SyntaxNode | null) => name !== null && !this.#scopes.at(-1)!.has(name.text);
    for (const name of names) if (!isNew(name)) this.#visit(name, depth);
    this.#visit(right, depth);
    for (const name of names) if (isNew(name)) this.#declare(name, true);
  }

  #loop(node: SyntaxNode, depth: number): void {
    const body = node.childForFieldName("body");
    const head = node.namedChildren.find((child) => child !== null && child.id !== body?.id) ?? null;
    if (head?.type === "range_clause") {
      if (isDefinition(head)) this.#define(head.childForFieldName("left"), head.childForFieldName("right"), depth);
      else this.#children(head, depth);
      this.#visit(body, depth);
      return;
    }
    const condition = head?.type === "for_clause" ? head.childForFieldName("condition") : head;
    if (head?.type === "for_clause") this.#visit(head.childForFieldName("initializer"), depth);
    this.#visit(condition, depth);
    this.#doubt(condition !== null && this.#mayBeConstant(condition), () => {
      if (head?.type === "for_clause") this.#visit(head.childForFieldName("update"), depth);
      this.#visit(body, depth);
    });
  }

  /** Of a switch whose value and cases are constants, one case is compiled. */
  #switch(node: SyntaxNode, depth: number): void {
    const value = node.childForFieldName("value");
    this.#visit(node.childForFieldName("initializer"), depth);
    this.#visit(value, depth);
    const clauses = node.namedChildren.filter((child) => /^(?:expression|default)_case$/.test(child?.type ?? ""));
    const values = [value, ...clauses.flatMap((clause) => clause?.childForFieldName("value")?.namedChildren ?? [])];
    const isConstant = values.every((each) => each === null || this.#mayBeConstant(each));
    this.#doubt(isConstant, () => {
      for (const clause of clauses) this.#inScope(() => this.#statements(clause?.namedChildren ?? [], depth));
    });
  }

  /** Keys are fields' names in a struct; of a type whose name stands there nothing tells which it is. */
  #elements(body: SyntaxNode | null, type: string, depth: number): void {
    const areKeysValues = type === "map_type";
    for (const element of body?.namedChildren ?? []) {
      if (element?.type !== "keyed_element") {
        this.#visit(element, depth);
        continue;
      }
      const [key = null, value = null] = element.namedChildren;
      const isName = key?.type === "identifier" || key?.firstNamedChild?.type === "identifier";
      this.#doubt(isName && !areKeysValues, () => this.#visit(key, depth));
      this.#visit(value, depth);
    }
  }

  #declare(name: SyntaxNode | null, variable: boolean, type?: SyntaxNode): void {
    if (name === null || name.text === "_") return;
    const declared = { variable, outside: this.#state !== "inside", ...(type === undefined ? {} : { type }) };
    this.#scopes.at(-1)?.set(name.text, declared);
  }

  #declared(name: string): Declared | undefined {
    for (let at = this.#scopes.length - 1; at >= 0; at--) {
      const found = this.#scopes[at]!.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #use(name: string): void {
    const declared = this.#declared(name);
    if (this.#state !== "inside" || declared === undefined || this.#captured.has(declared)) return;
    if (!declared.variable || !declared.outside) return;
    if (this.#doubtful > 0) this.#isTold = false;
    const { type } = declared;
    this.#captured.set(declared, {
      name,
      ...(type === undefined ? {} : { type: { text: type.text, syntax: type.type } }),
    });
  }

  /** `debug`, `!debug`, `debug && n > 0`: the compiler may know the value, or half of it. */
  #mayBeConstant(node: SyntaxNode | null): boolean {
    if (node === null) return false;
    const operator = node.childForFieldName("operator")?.text;
    if (node.type === "parenthesized_expression" || operator === "!") return this.#mayBeConstant(node.lastNamedChild);
    if (operator === "&&" || operator === "||")
      return [node.childForFieldName("left"), node.childForFieldName("right")].some((part) =>
        this.#mayBeConstant(part),
      );
    const isLocal = ({ text }: SyntaxNode) => this.#declared(text)?.variable === true;
    const names = [node, ...node.descendantsOfType("identifier")].flatMap((each) => each ?? []);
    const hasLocal = names.some((each) => each.type === "identifier" && isLocal(each));
    const calls = [node, ...node.descendantsOfType("call_expression")].flatMap((each) => each ?? []);
    const hasCall = calls.some((each) => each.type === "call_expression" && !this.#isConstantCall(each));
    return !hasLocal && !hasCall;
  }

  /** `len(a)`, `cap(a)`, `unsafe.Sizeof(a)`; conversions are not told from calls. */
  #isConstantCall(call: SyntaxNode): boolean {
    const called = call.childForFieldName("function");
    if (called?.type === "selector_expression") return called.childForFieldName("operand")?.text === "unsafe";
    return (called?.text === "len" || called?.text === "cap") && this.#declared(called.text) === undefined;
  }
}

/** No variables stand in them. */
const TYPES = new Set(["array_type", "map_type", "struct_type", "function_type", "interface_type", "pointer_type", "slice_type", "channel_type", "generic_type", "qualified_type", "comment"]); // biome-ignore format: a list

/** `:=`, not `=`. */
function isDefinition(node: SyntaxNode): boolean {
  return node.children.some((child) => child?.type === ":=");
}

function mayNotEnd(node: SyntaxNode): boolean {
  switch (node.type) {
    case "return_statement":
    case "goto_statement":
    case "block":
    case "labeled_statement":
      return true;
    case "for_statement":
      return node.namedChildren.length === 1;
    case "if_statement":
      return node.childForFieldName("alternative") !== null;
    case "expression_statement":
      return node.firstNamedChild?.childForFieldName("function")?.text === "panic";
    default:
      return false;
  }
}
