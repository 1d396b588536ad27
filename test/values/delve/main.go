// Command delve runs test/programs/values under Delve, stops at each call of the functions that it is given, and prints
// what Delve reads of the arguments there: one JSON object a call, in the order of calls. Values are written without
// their types, but for what interfaces hold (test/values/plainText.ts writes a trace's alike).
//
//	delve PROGRAM INPUT FUNC...   INPUT: the program's standard input, a file
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/constant"
	"math"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-delve/delve/pkg/dwarf/godwarf"
	"github.com/go-delve/delve/pkg/logflags"
	"github.com/go-delve/delve/pkg/proc"
	"github.com/go-delve/delve/pkg/proc/native"
)

// Limits of the value text (docs/contracts.md).
const (
	maxDepth    = 3
	maxString   = 256
	maxElements = 64
)

// everything: nesting of types is not limited by the text, only pointers are.
var everything = proc.LoadConfig{
	FollowPointers:     true,
	MaxVariableRecurse: 12,
	MaxStringLen:       maxString + utf8.UTFMax - 1,
	MaxArrayValues:     maxString,
	MaxStructFields:    -1,
}

type argument struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type call struct {
	Func string     `json:"func"`
	Args []argument `json:"args"`
}

func main() {
	program, input, functions := os.Args[1], os.Args[2], os.Args[3:]
	check(logflags.Setup(false, "", ""))
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(err)
	silent := proc.OutputRedirect{File: null}
	group, err := native.Launch([]string{program}, ".", 0, nil, "", input, silent, silent)
	check(err)
	defer group.Detach(true)
	target := group.Selected
	for _, name := range functions {
		addresses, err := proc.FindFunctionLocation(target, name, 0)
		check(err)
		for _, address := range addresses {
			_, err := target.SetBreakpoint(0, address, proc.UserBreakpoint, nil)
			check(err)
		}
	}
	out := bufio.NewWriter(os.Stdout)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for {
		err := group.Continue()
		if exited := (proc.ErrProcessExited{}); errors.As(err, &exited) {
			break
		}
		check(err)
		for _, thread := range target.ThreadList() {
			if state := thread.Breakpoint(); state.Breakpoint == nil || !state.Active {
				continue
			}
			check(lines.Encode(stopped(target, thread)))
		}
	}
	check(out.Flush())
}

func stopped(target *proc.Target, thread proc.Thread) call {
	scope, err := proc.ThreadScope(target, thread)
	check(err)
	// Once at each stop Delve reads the table of modules, with which it finds the types in interfaces; through the memory
	// of an interface that stands in registers it cannot.
	_, err = scope.EvalExpression("main.errPlain", everything)
	check(err)
	variables, err := scope.FunctionArguments(everything)
	check(err)
	seen := call{Func: scope.Fn.Name, Args: []argument{}}
	for _, variable := range variables {
		if variable.Flags&proc.VariableReturnArgument == 0 {
			seen.Args = append(seen.Args, argument{variable.Name, text(variable, path{})})
		}
	}
	return seen
}

// path is how a value was reached.
type path struct {
	pointers []place
}

type place struct {
	address uint64
	typ     string
}

const unnamedAddress = "(address)"

func text(v *proc.Variable, at path) string {
	if v.Unreadable != nil {
		return fmt.Sprintf("<unreadable: %v>", v.Unreadable)
	}
	if v.OnlyAddr || !isLoaded(v) {
		return "<unreadable: not loaded>"
	}
	switch name := typeName(v.DwarfType); name {
	case "time.Time":
		return timeText(v)
	case "time.Duration":
		n, _ := constant.Int64Val(v.Value)
		return time.Duration(n).String()
	}
	switch v.Kind {
	case reflect.Ptr:
		return pointerText(v, at)
	case reflect.UnsafePointer:
		return addressText(v.Children[0].Addr)
	case reflect.String:
		return quoted(constant.StringVal(v.Value), v.Len)
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.RealType.Common().ReflectKind == reflect.Uintptr || typeName(v.RealType) == "uintptr" {
			n, _ := constant.Uint64Val(v.Value)
			return fmt.Sprintf("%#x", n)
		}
		return v.Value.ExactString()
	case reflect.Float32:
		return strconv.FormatFloat(float(v), 'g', -1, 32)
	case reflect.Float64:
		return strconv.FormatFloat(float(v), 'g', -1, 64)
	case reflect.Struct:
		return "{" + strings.Join(fields(v, at), ", ") + "}"
	case reflect.Slice, reflect.Array:
		return sequenceText(v, at)
	case reflect.Map:
		return mapText(v, at)
	case reflect.Chan:
		return channelText(v, at)
	case reflect.Func:
		return funcText(v, at)
	case reflect.Interface:
		held := &v.Children[0]
		if held.Kind == reflect.Invalid && held.Addr == 0 {
			return "nil"
		}
		// Delve writes results as parameters in the types of funcs.
		if held.Kind == reflect.Func {
			return "func(" + text(held, at) + ")"
		}
		if held.Kind == reflect.UnsafePointer {
			return "unsafe.Pointer(" + text(held, at) + ")"
		}
		return strings.Replace(typeName(held.DwarfType), "struct struct ", "struct ", 1) + "(" + text(held, at) + ")"
	case reflect.Complex64, reflect.Complex128:
		return complexText(v)
	}
	return "<unreadable: " + v.Kind.String() + ">"
}

// IsLoaded: beyond the limit on nesting, which is lower for the elements of channels, Delve loads nothing.
func isLoaded(v *proc.Variable) bool {
	switch v.Kind {
	case reflect.Ptr, reflect.UnsafePointer, reflect.Interface:
		return len(v.Children) > 0
	case reflect.Struct, reflect.Array, reflect.Slice, reflect.Map:
		return v.Len <= 0 || len(v.Children) > 0
	case reflect.Invalid, reflect.Chan, reflect.Func:
		return true
	}
	return v.Value != nil
}

func pointerText(v *proc.Variable, at path) string {
	target := &v.Children[0]
	if target.Addr == 0 {
		return "nil"
	}
	here := place{target.Addr, typeName(target.DwarfType)}
	if len(at.pointers) == maxDepth {
		return unnamedAddress
	}
	for _, before := range at.pointers {
		if before == here {
			return unnamedAddress
		}
	}
	return "&" + text(target, path{append(at.pointers[:len(at.pointers):len(at.pointers)], here)})
}

func addressText(address uint64) string {
	if address == 0 {
		return "nil"
	}
	return unnamedAddress
}

func float(v *proc.Variable) float64 {
	switch v.FloatSpecial {
	case proc.FloatIsNaN:
		return math.NaN()
	case proc.FloatIsPosInf:
		return math.Inf(1)
	case proc.FloatIsNegInf:
		return math.Inf(-1)
	}
	f, _ := constant.Float64Val(v.Value)
	return f
}

func complexText(v *proc.Variable) string {
	bits := 64
	if v.Kind == reflect.Complex64 {
		bits = 32
	}
	re, _ := constant.Float64Val(constant.Real(v.Value))
	im, _ := constant.Float64Val(constant.Imag(v.Value))
	return strings.Replace(strconv.FormatComplex(complex(re, im), 'g', -1, 2*bits), "+-", "-", 1)
}

// Quoted is a string of so many bytes, of which this is the start: no rune is cut in two.
func quoted(start string, length int64) string {
	cut := min(len(start), maxString)
	for back := 1; int64(cut) < length && back < utf8.UTFMax && back <= cut; back++ {
		last := start[cut-back:]
		if !utf8.RuneStart(last[0]) {
			continue
		}
		if _, width := utf8.DecodeRuneInString(last); width > back || int64(len(start)) < length && !utf8.FullRuneInString(last) {
			cut -= back
		}
		break
	}
	return strconv.Quote(start[:cut]) + rest(length-int64(cut))
}

func rest(count int64) string {
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("…+%d", count)
}

func fields(v *proc.Variable, at path) []string {
	var texts []string
	for i := range v.Children {
		texts = append(texts, v.Children[i].Name+":"+text(&v.Children[i], at))
	}
	return texts
}

func sequenceText(v *proc.Variable, at path) string {
	if v.Kind == reflect.Slice && v.Base == 0 {
		return "nil"
	}
	shown := v.Children
	if len(shown) > maxElements && !isBytes(v) {
		shown = shown[:maxElements]
	}
	var texts []string
	for i := range shown {
		texts = append(texts, text(&shown[i], at))
	}
	if left := v.Len - int64(len(shown)); left > 0 {
		texts = append(texts, rest(left))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func isBytes(v *proc.Variable) bool {
	return len(v.Children) > 0 && typeName(godwarf.ResolveTypedef(v.Children[0].RealType)) == "uint8"
}

func mapText(v *proc.Variable, at path) string {
	if v.Base == 0 {
		return "nil"
	}
	if v.Len > maxElements {
		return fmt.Sprintf("{len %d}", v.Len)
	}
	var entries []string
	for i := 0; i+1 < len(v.Children); i += 2 {
		entries = append(entries, text(&v.Children[i], at)+":"+text(&v.Children[i+1], at))
	}
	sort.Strings(entries)
	return "{" + strings.Join(entries, ", ") + "}"
}

// ChannelText: Delve's children of a channel are the fields of runtime.hchan.
func channelText(v *proc.Variable, at path) string {
	if v.Base == 0 {
		return "nil"
	}
	number := func(name string) int64 {
		for i := range v.Children {
			if v.Children[i].Name == name {
				n, _ := constant.Int64Val(constant.ToInt(v.Children[i].Value))
				return n
			}
		}
		return -1
	}
	length, capacity, next := number("qcount"), number("dataqsiz"), number("recvx")
	texts := []string{}
	for i := range v.Children {
		if buffer := &v.Children[i]; buffer.Name == "buf" && length > 0 {
			elements := buffer.Children[0].Children
			// Of a channel Delve loads 64 elements at most, whatever it is asked for.
			if int64(len(elements)) < capacity {
				return "<unreadable: not loaded>"
			}
			for k := int64(0); k < length && k < maxElements; k++ {
				texts = append(texts, text(&elements[(next+k)%capacity], at))
			}
		}
	}
	if left := length - int64(len(texts)); left > 0 {
		texts = append(texts, rest(left))
	}
	closed := ""
	if number("closed") != 0 {
		closed = ", closed"
	}
	return fmt.Sprintf("(len %d, cap %d%s)[%s]", length, capacity, closed, strings.Join(texts, ", "))
}

func funcText(v *proc.Variable, at path) string {
	if v.Base == 0 {
		return "nil"
	}
	name := "func " + constant.StringVal(v.Value)
	if captured := fields(v, at); len(captured) > 0 {
		return name + "{" + strings.Join(captured, ", ") + "}"
	}
	return name
}

// timeText: of the words of a time.Time (src/time/time.go).
func timeText(v *proc.Variable) string {
	var wall uint64
	var ext int64
	for i := range v.Children {
		switch child := &v.Children[i]; child.Name {
		case "wall":
			wall, _ = constant.Uint64Val(child.Value)
		case "ext":
			ext, _ = constant.Int64Val(child.Value)
		}
	}
	const (
		hasMonotonic = 1 << 63
		nanoseconds  = 1<<30 - 1
	)
	epoch := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	seconds := ext + epoch.Unix()
	if wall&hasMonotonic != 0 {
		seconds = int64(wall<<1>>31) + time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	}
	return time.Unix(seconds, int64(wall&nanoseconds)).UTC().Format(time.RFC3339Nano)
}

var folders = regexp.MustCompile(`[\w.~%-]+/`)

// typeName has package names, not paths.
func typeName(t godwarf.Type) string {
	if t == nil {
		return "?"
	}
	return folders.ReplaceAllString(t.String(), "")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
