// Command delve prints the functions of an unstripped Go program as Delve reads them: one JSON object a line with the
// parameters and where Delve's location lists and expressions put them at the first instruction. With -inlined before
// the file: the functions that have inlined copies, and how many. The DIEs are the standard library's debug/dwarf's.
package main

import (
	"bufio"
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/go-delve/delve/pkg/dwarf/op"
	"github.com/go-delve/delve/pkg/dwarf/regnum"
	"github.com/go-delve/delve/pkg/proc"
)

type piece struct {
	// Bytes; absent: the whole value.
	Size int `json:"size,omitempty"`
	// RAX, X0, CFA+8; absent: optimised away.
	Place string `json:"place,omitempty"`
}

type variable struct {
	Name     string `json:"name"`
	IsResult bool   `json:"isResult"`
	TypeName string `json:"typeName"`
	TypeSize *int64 `json:"typeSize,omitempty"`
	// Absent: no entry of the location list holds the first instruction.
	Location *[]piece `json:"location,omitempty"`
}

type function struct {
	Name      string     `json:"name"`
	Entry     uint64     `json:"entry"`
	DeclLine  int64      `json:"declLine,omitempty"`
	Variables []variable `json:"variables"`
}

type inlined struct {
	Name   string `json:"name"`
	Copies int    `json:"copies"`
}

// cfa stands for the frame's address in expressions; no offset in a frame comes near it.
const cfa = 1 << 40

// languageGo is DW_LANG_Go.
const languageGo = 0x16

func main() {
	path := os.Args[len(os.Args)-1]
	file, err := elf.Open(path)
	check(err)
	data, err := file.DWARF()
	check(err)
	out := bufio.NewWriter(os.Stdout)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	witness := witness{data: data, reader: data.Reader(), entries: map[dwarf.Offset]*dwarf.Entry{}}
	if os.Args[1] == "-inlined" {
		for name, copies := range witness.inlined() {
			check(lines.Encode(inlined{name, copies}))
		}
	} else {
		// The program's own entry as the running one's: no relocation.
		witness.info = proc.NewBinaryInfo("linux", "amd64", false)
		check(witness.info.LoadBinaryInfo(path, file.Entry, nil))
		witness.functions(func(found function) { check(lines.Encode(found)) })
	}
	check(out.Flush())
}

type witness struct {
	info   *proc.BinaryInfo
	data   *dwarf.Data
	reader *dwarf.Reader
	// entries that others refer to: types and abstract parameters, few and often asked for.
	entries map[dwarf.Offset]*dwarf.Entry
}

// goEntries gives each entry of Go's compile units.
func (w witness) goEntries(visit func(entry *dwarf.Entry, entries *dwarf.Reader)) {
	entries := w.data.Reader()
	for {
		entry, err := entries.Next()
		check(err)
		if entry == nil {
			return
		}
		if entry.Tag == dwarf.TagCompileUnit {
			if language, _ := entry.Val(dwarf.AttrLanguage).(int64); language != languageGo {
				entries.SkipChildren()
			}
			continue
		}
		visit(entry, entries)
	}
}

func (w witness) functions(found func(function)) {
	w.goEntries(func(entry *dwarf.Entry, entries *dwarf.Reader) {
		if entry.Tag == dwarf.TagSubprogram && entry.Val(dwarf.AttrLowpc) != nil {
			found(w.function(entry, entries))
		} else {
			entries.SkipChildren()
		}
	})
}

func (w witness) inlined() map[string]int {
	copies := map[string]int{}
	w.goEntries(func(entry *dwarf.Entry, _ *dwarf.Reader) {
		if entry.Tag == dwarf.TagInlinedSubroutine {
			name, _ := w.val(entry, dwarf.AttrName).(string)
			copies[name]++
		}
	})
	return copies
}

// function reads a subprogram and its children; entries stands behind the subprogram, and then behind the children.
func (w witness) function(entry *dwarf.Entry, entries *dwarf.Reader) function {
	found := function{Entry: entry.Val(dwarf.AttrLowpc).(uint64), Variables: []variable{}}
	found.Name, _ = w.val(entry, dwarf.AttrName).(string)
	found.DeclLine, _ = w.val(entry, dwarf.AttrDeclLine).(int64)
	for entry.Children {
		child, err := entries.Next()
		check(err)
		if child == nil || child.Tag == 0 {
			break
		}
		if child.Tag == dwarf.TagFormalParameter {
			found.Variables = append(found.Variables, w.variable(child, found.Entry))
		}
		entries.SkipChildren()
	}
	return found
}

func (w witness) variable(entry *dwarf.Entry, pc uint64) variable {
	var found variable
	found.Name, _ = w.val(entry, dwarf.AttrName).(string)
	found.IsResult, _ = w.val(entry, dwarf.AttrVarParam).(bool)
	if offset, ok := w.val(entry, dwarf.AttrType).(dwarf.Offset); ok {
		found.TypeName, found.TypeSize = w.typ(offset)
	}
	found.Location = w.location(entry, pc)
	return found
}

func (w witness) location(entry *dwarf.Entry, pc uint64) *[]piece {
	if expression, ok := entry.Val(dwarf.AttrLocation).([]byte); ok && len(expression) == 0 {
		return &[]piece{}
	}
	registers := op.DwarfRegisters{CFA: cfa, FrameBase: cfa}
	address, pieces, description, err := w.info.Location(entry, dwarf.AttrLocation, pc, registers, nil)
	switch {
	case err != nil && description == nil:
		return nil
	case err != nil:
		return &[]piece{{Place: "? " + description.String()}}
	case pieces == nil:
		return &[]piece{{Place: offset(address)}}
	}
	found := []piece{}
	for _, p := range pieces {
		place := ""
		switch p.Kind {
		case op.RegPiece:
			place = strings.Replace(strings.ToUpper(regnum.AMD64ToName(p.Val)), "XMM", "X", 1)
		case op.AddrPiece:
			place = offset(int64(p.Val))
		}
		found = append(found, piece{p.Size, place})
	}
	return &found
}

func offset(address int64) string { return fmt.Sprintf("CFA%+d", address-cfa) }

// maxTypedefs: Go's have at most two levels.
const maxTypedefs = 16

func (w witness) typ(offset dwarf.Offset) (name string, size *int64) {
	entry := w.at(offset)
	name, _ = entry.Val(dwarf.AttrName).(string)
	for i := 0; i < maxTypedefs; i++ {
		if bytes, ok := entry.Val(dwarf.AttrByteSize).(int64); ok {
			return name, &bytes
		}
		target, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
		if entry.Tag != dwarf.TagTypedef || !ok {
			break
		}
		entry = w.at(target)
	}
	return name, nil
}

// val is an attribute of the entry or of the abstract one that it stands for.
func (w witness) val(entry *dwarf.Entry, attribute dwarf.Attr) any {
	if value := entry.Val(attribute); value != nil {
		return value
	}
	if origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
		return w.at(origin).Val(attribute)
	}
	return nil
}

func (w witness) at(offset dwarf.Offset) *dwarf.Entry {
	if entry := w.entries[offset]; entry != nil {
		return entry
	}
	w.reader.Seek(offset)
	entry, err := w.reader.Next()
	check(err)
	w.entries[offset] = entry
	return entry
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
