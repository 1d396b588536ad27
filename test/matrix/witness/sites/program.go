package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"sort"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

type program struct {
	segments []segment
	// Names of code addresses.
	names map[uint64]string
	// What the loader writes: R_X86_64_RELATIVE, by place. Empty where the program is at fixed addresses.
	relocated map[uint64]uint64
}

type segment struct {
	start uint64
	bytes []byte
}

func openProgram(path, twin string) (*program, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &program{relocated: map[uint64]uint64{}}
	for _, header := range file.Progs {
		if header.Type != elf.PT_LOAD {
			continue
		}
		bytes := make([]byte, header.Filesz)
		if _, err := header.ReadAt(bytes, 0); err != nil {
			return nil, err
		}
		p.segments = append(p.segments, segment{header.Vaddr, bytes})
	}
	if p.names, err = namesOf(twin); err != nil {
		return nil, err
	}
	if section := file.Section(".rela.dyn"); section != nil {
		data, err := section.Data()
		if err != nil {
			return nil, err
		}
		for ; len(data) >= 24; data = data[24:] {
			if binary.LittleEndian.Uint32(data[8:]) == uint32(elf.R_X86_64_RELATIVE) {
				p.relocated[binary.LittleEndian.Uint64(data)] = binary.LittleEndian.Uint64(data[16:])
			}
		}
	}
	return p, nil
}

// namesOf: the runtime's functions that end a stack check, or never return, are known by their symbols.
func namesOf(path string) (map[uint64]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	names := map[uint64]string{}
	for _, symbol := range symbols {
		if elf.ST_TYPE(symbol.Info) == elf.STT_FUNC {
			names[symbol.Value] = symbol.Name
		}
	}
	return names, nil
}

// read gives the file's bytes at an address up to end or the segment's end.
func (p *program) read(address, end uint64) []byte {
	for _, s := range p.segments {
		if address >= s.start && address < s.start+uint64(len(s.bytes)) {
			return s.bytes[address-s.start : min(end-s.start, uint64(len(s.bytes)))]
		}
	}
	return nil
}

// word is what a process finds at an address of its read-only data.
func (p *program) word(address uint64) (uint64, bool) {
	if value, ok := p.relocated[address]; ok {
		return value, true
	}
	bytes := p.read(address, address+8)
	if len(bytes) < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(bytes), true
}

func (p *program) isMorestack(address uint64) bool {
	return strings.HasPrefix(p.names[address], "runtime.morestack")
}

func (p *program) isDeferreturn(address uint64) bool {
	return strings.TrimSuffix(p.names[address], ".abi0") == "runtime.deferreturn"
}

// neverReturns: behind a call of one of these the compiler ends the block (cmd/compile/internal/ssagen/ssa.go, BlockExit),
// and what follows is another block, often the stack check's.
func (p *program) neverReturns(address uint64) bool {
	name := strings.TrimSuffix(p.names[address], ".abi0")
	for _, prefix := range []string{"runtime.panic", "runtime.goPanic"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "runtime.gopanic", "runtime.throw", "runtime.throwinit", "runtime.fatal", "runtime.block", "runtime.abort":
		return true
	}
	// Packages of the runtime declare it for themselves and link it to the runtime's.
	return strings.HasPrefix(name, "internal/runtime/") && strings.HasSuffix(name, ".throw")
}

// intruders finds, for each function by its entry, the places behind the first instruction to which direct jumps and
// calls of other functions lead.
func (p *program) intruders(functions []Function) map[uint64][]uint64 {
	sorted := make([]*Function, len(functions))
	for i := range functions {
		sorted[i] = &functions[i]
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Entry < sorted[j].Entry })
	found := map[uint64][]uint64{}
	for _, f := range sorted {
		for _, inst := range p.decode(f.Entry, f.End).list {
			target, ok := inst.target()
			if !ok || target >= f.Entry && target < f.End {
				continue
			}
			i := sort.Search(len(sorted), func(i int) bool { return sorted[i].Entry > target }) - 1
			if i >= 0 && target > sorted[i].Entry && target < sorted[i].End {
				found[sorted[i].Entry] = append(found[sorted[i].Entry], target)
			}
		}
	}
	return found
}

// code is one function's instructions, decoded from the first byte on.
type code struct {
	list []instruction
	by   map[uint64]*instruction
	// Where decoding ended before the function did; 0: nowhere.
	stuckAt uint64
}

type instruction struct {
	x86asm.Inst
	address uint64
	bytes   []byte
	// Only the length is known (lengthOf).
	opaque bool
}

func (p *program) decode(start, end uint64) *code {
	bytes := p.read(start, end)
	c := &code{by: make(map[uint64]*instruction, len(bytes)/4)}
	c.list = make([]instruction, 0, len(bytes)/4)
	for at := 0; at < len(bytes); {
		inst, err := x86asm.Decode(bytes[at:], 64)
		opaque := false
		if err != nil || inst.Len == 0 || inst.Op == 0 {
			inst = x86asm.Inst{Len: lengthOf(bytes[at:])}
			opaque = true
		}
		if inst.Len == 0 || at+inst.Len > len(bytes) {
			c.stuckAt = start + uint64(at)
			break
		}
		c.list = append(c.list, instruction{inst, start + uint64(at), bytes[at : at+inst.Len], opaque})
		at += inst.Len
	}
	for i := range c.list {
		c.by[c.list[i].address] = &c.list[i]
	}
	return c
}

func (i *instruction) next() uint64 { return i.address + uint64(i.Len) }

// target of a direct jump, branch or call.
func (i *instruction) target() (uint64, bool) {
	if i.opaque {
		return 0, false
	}
	relative, ok := i.Args[0].(x86asm.Rel)
	return i.next() + uint64(int64(relative)), ok
}

func (i *instruction) isBranch() bool {
	name := i.Op.String()
	_, direct := i.target()
	return !i.opaque && direct && i.Op != x86asm.JMP && (name[0] == 'J' || i.Op == x86asm.LOOP || i.Op == x86asm.LOOPE || i.Op == x86asm.LOOPNE)
}

func (i *instruction) isTrap() bool {
	switch i.Op {
	case x86asm.UD0, x86asm.UD1, x86asm.UD2, x86asm.INT, x86asm.HLT, x86asm.ICEBP:
		return !i.opaque
	}
	return false
}

// lengthOf gives the length of instructions that x86asm does not know: vector ones (VEX, EVEX), ENDBR64, and others with
// a ModRM byte on the maps 0F, 0F38 and 0F3A (Intel SDM volume 2, chapter 2); 0 where it does not know either.
func lengthOf(bytes []byte) int {
	at := 0
	get := func(i int) byte {
		if i < len(bytes) {
			return bytes[i]
		}
		return 0
	}
	for strings.IndexByte("\x66\xf2\xf3\x2e\x36\x3e\x26\x64\x65", get(at)) >= 0 && at < 4 {
		at++
	}
	var table byte
	switch {
	case get(at) == 0xc5:
		table, at = 1, at+2
	case get(at) == 0xc4:
		table, at = get(at+1)&0x1f, at+3
	case get(at) == 0x62:
		table, at = get(at+1)&7, at+4
	default:
		if get(at)&0xf0 == 0x40 {
			at++
		}
		if get(at) != 0x0f {
			return 0
		}
		at++
		table = 1
		if get(at) == 0x38 {
			table, at = 2, at+1
		} else if get(at) == 0x3a {
			table, at = 3, at+1
		}
	}
	opcode := get(at)
	at++
	if table == 1 && opcode == 0x77 {
		return at
	}
	modrm := get(at)
	at++
	mod, rm := modrm>>6, modrm&7
	if mod != 3 {
		if rm == 4 {
			if mod == 0 && get(at)&7 == 5 {
				at += 4
			}
			at++
		}
		switch {
		case mod == 1:
			at++
		case mod == 2, mod == 0 && rm == 5:
			at += 4
		}
	}
	if table == 3 || table == 1 && strings.IndexByte("\x70\x71\x72\x73\xa4\xac\xba\xc2\xc4\xc5\xc6", opcode) >= 0 {
		at++
	}
	if at > 15 || at > len(bytes) {
		return 0
	}
	return at
}
