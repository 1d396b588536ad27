package main

import (
	"fmt"
	"reflect"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// The limits of a trace without options.
const (
	maxString   = 256
	maxElements = 64
	maxDepth    = 3
)

// Of a map over the limit any entries may be shown: such text stands as
// anyOf entry (next entry)* end, with the entries sorted, and is followed by `…+N`.
const (
	anyOf = "\x01"
	next  = "\x02"
	end   = "\x03"
)

// A value that is being shown; a pointer to one on its own path ends a cycle.
type pointee struct {
	address uintptr
	typ     reflect.Type
}

// ParameterText is the text of a parameter or result of this name.
func parameterText(name string, value reflect.Value) string {
	if isSecret(name) {
		return "<redacted>"
	}
	return text(addressable(value), nil)
}

// Text writes an addressable value that was not reached through unexported fields.
func text(v reflect.Value, path []pointee) string {
	t := v.Type()
	switch t.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if t == reflect.TypeOf(time.Duration(0)) {
			return time.Duration(v.Int()).String()
		}
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Uintptr:
		return fmt.Sprintf("0x%x", v.Uint())
	case reflect.Float32:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32)
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Complex64:
		return strconv.FormatComplex(v.Complex(), 'g', -1, 64)
	case reflect.Complex128:
		return strconv.FormatComplex(v.Complex(), 'g', -1, 128)
	case reflect.String:
		s := v.String()
		n := shownBytes(s)
		return strconv.Quote(s[:n]) + cut(len(s)-n)
	case reflect.UnsafePointer:
		if v.Pointer() == 0 {
			return t.String() + "(nil)"
		}
		return fmt.Sprintf("%s(0x%x)", t, v.Pointer())
	case reflect.Ptr:
		return pointerText(v, path)
	case reflect.Slice:
		if v.IsNil() {
			return listName(t) + "(nil)"
		}
		return listText(v, path)
	case reflect.Array:
		return listText(v, path)
	case reflect.Struct:
		return structText(v, path)
	case reflect.Map:
		return mapText(v, path)
	case reflect.Chan:
		return chanText(v, path)
	case reflect.Func:
		return funcText(v)
	case reflect.Interface:
		if v.IsNil() {
			return "nil"
		}
		return dynamicText(addressable(v.Elem()), path)
	}
	panic("no such kind: " + t.String())
}

func pointerText(v reflect.Value, path []pointee) string {
	t := v.Type()
	if v.IsNil() {
		return "(" + t.String() + ")(nil)"
	}
	this := pointee{v.Pointer(), t.Elem()}
	ends := len(path) == maxDepth
	for _, before := range path {
		ends = ends || before == this
	}
	if ends {
		return fmt.Sprintf("(%s)(0x%x)", t, v.Pointer())
	}
	return "&" + text(v.Elem(), append(path[:len(path):len(path)], this))
}

// DynamicText is what an interface holds: basic values as conversions.
func dynamicText(v reflect.Value, path []pointee) string {
	shown := text(v, path)
	switch kind := v.Kind(); {
	case kind == reflect.Complex64, kind == reflect.Complex128:
		return v.Type().String() + shown
	case kind >= reflect.Bool && kind <= reflect.Float64, kind == reflect.String:
		return v.Type().String() + "(" + shown + ")"
	}
	return shown
}

func listText(v reflect.Value, path []pointee) string {
	t := v.Type()
	if isBytes(t) {
		return listName(t) + bytesText(v)
	}
	var parts []string
	for i := 0; i < v.Len() && i < maxElements; i++ {
		parts = append(parts, text(v.Index(i), path))
	}
	if v.Len() > maxElements {
		parts = append(parts, cut(v.Len()-maxElements))
	}
	return t.String() + "{" + strings.Join(parts, ", ") + "}"
}

func isBytes(t reflect.Type) bool {
	return t.Elem() == reflect.TypeOf(byte(0))
}

// ListName is the type's name, with `byte` for `uint8` in the text of bytes.
func listName(t reflect.Type) string {
	switch {
	case !isBytes(t) || t.Name() != "":
		return t.String()
	case t.Kind() == reflect.Slice:
		return "[]byte"
	}
	return fmt.Sprintf("[%d]byte", t.Len())
}

func bytesText(v reflect.Value) string {
	all := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(all), v)
	n := shownBytes(string(all))
	readable := utf8.Valid(all[:n])
	for _, r := range string(all[:n]) {
		readable = readable && (strconv.IsPrint(r) || r == '\t' || r == '\n' || r == '\r')
	}
	if readable {
		return "(" + strconv.Quote(string(all[:n])) + cut(len(all)-n) + ")"
	}
	var parts []string
	for i := 0; i < len(all) && i < maxString; i++ {
		parts = append(parts, strconv.Itoa(int(all[i])))
	}
	if len(all) > maxString {
		parts = append(parts, cut(len(all)-maxString))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// ShownBytes is how many bytes are shown: the limit, or less where it would split a rune.
func shownBytes(s string) int {
	if len(s) <= maxString {
		return len(s)
	}
	for start := maxString - 1; start > maxString-utf8.UTFMax; start-- {
		if utf8.RuneStart(s[start]) {
			if _, size := utf8.DecodeRuneInString(s[start:]); start+size > maxString {
				return start
			}
			break
		}
	}
	return maxString
}

func cut(n int) string {
	if n == 0 {
		return ""
	}
	return "…+" + strconv.Itoa(n)
}

func structText(v reflect.Value, path []pointee) string {
	t := v.Type()
	if t == reflect.TypeOf(time.Time{}) {
		return "time.Time(" + v.Interface().(time.Time).UTC().Format(time.RFC3339Nano) + ")"
	}
	var parts []string
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		shown := "<redacted>"
		if !isSecret(field.Name) {
			shown = text(exported(v.Field(i)), path)
		}
		parts = append(parts, field.Name+":"+shown)
	}
	return t.String() + "{" + strings.Join(parts, ", ") + "}"
}

func mapText(v reflect.Value, path []pointee) string {
	name := v.Type().String()
	if v.IsNil() {
		return name + "(nil)"
	}
	var entries []string
	for iter := v.MapRange(); iter.Next(); {
		value := "<redacted>"
		if key := iter.Key(); key.Kind() != reflect.String || !isSecret(key.String()) {
			value = text(addressable(iter.Value()), path)
		}
		// Key and value are compared apart, so that no key that starts like another comes between.
		entries = append(entries, text(addressable(iter.Key()), path)+"\x00"+value)
	}
	sort.Strings(entries)
	for i, entry := range entries {
		entries[i] = strings.Replace(entry, "\x00", ":", 1)
	}
	if len(entries) > maxElements {
		return name + "{" + anyOf + strings.Join(entries, next) + end + ", " + cut(len(entries)-maxElements) + "}"
	}
	return name + "{" + strings.Join(entries, ", ") + "}"
}

// Runtime/chan.go, the part of hchan that has been the same since Go 1.15.
type hchan struct {
	qcount   uint
	dataqsiz uint
	buf      unsafe.Pointer
	elemsize uint16
	closed   uint32
}

func chanText(v reflect.Value, path []pointee) string {
	t := v.Type()
	if v.IsNil() {
		return t.String() + "(nil)"
	}
	header := (*hchan)(unsafe.Pointer(v.Pointer()))
	closed := ""
	if header.closed != 0 {
		closed = ", closed"
	}
	var items []string
	first := *(*uint)(unsafe.Pointer(v.Pointer() + recvxOffset))
	for k := 0; k < v.Len() && k < maxElements; k++ {
		slot := (first + uint(k)) % header.dataqsiz
		items = append(items, text(reflect.NewAt(t.Elem(), unsafe.Pointer(uintptr(header.buf)+uintptr(slot)*t.Elem().Size())).Elem(), path))
	}
	if v.Len() > maxElements {
		items = append(items, cut(v.Len()-maxElements))
	}
	return fmt.Sprintf("%s(len %d, cap %d%s){%s}", t, v.Len(), v.Cap(), closed, strings.Join(items, ", "))
}

// Reflection does not show what a closure captured: the text is written beside its creation, by closure object.
var captured = map[uintptr]string{}

// Closure tells what a func value captured: `{n:3}`. It returns the func value.
func closure(f interface{}, text string) interface{} {
	captured[closureObject(addressable(reflect.ValueOf(f)))] = text
	return f
}

// Instance tells the linker's name of a literal in a generic function, in which reflection leaves out the shapes, and
// what it captured.
func instance(f interface{}, name, text string) interface{} {
	linkerNames[reflect.ValueOf(f).Pointer()] = name
	return closure(f, text)
}

var linkerNames = map[uintptr]string{}

func closureObject(v reflect.Value) uintptr {
	return *(*uintptr)(unsafe.Pointer(v.UnsafeAddr()))
}

func funcText(v reflect.Value) string {
	if v.IsNil() {
		return "func(nil)"
	}
	name, ok := linkerNames[v.Pointer()]
	if !ok {
		name = runtime.FuncForPC(v.Pointer()).Name()
	}
	return "func " + name + captured[closureObject(v)]
}

// Addressable is a copy of the value that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	holder := reflect.New(v.Type()).Elem()
	holder.Set(v)
	return holder
}

// Exported is the field, readable even where its name is not exported.
func exported(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}
