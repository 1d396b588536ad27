package main

import (
	"slices"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// value is what a register or a stack word holds, as far as it is known.
type value struct {
	kind kind
	// register: x86asm's number; stack: bytes from the RSP of the entry.
	n int64
}

type kind int

const (
	unknown kind = iota
	// What the register n held at the entry.
	entryRegister
	// RSP of the entry, plus n.
	stackAddress
	// The goroutine's g, read from thread-local storage.
	goroutine
	// The address n.
	address
)

// slot is what was stored on the stack, with the size of the store.
type slot struct {
	value
	size int64
}

// state of a run from the entry on.
type state struct {
	registers map[x86asm.Reg]value
	stack     map[int64]slot
	called    bool
	seen      map[uint64]bool
}

func (s *state) clone() *state {
	copied := &state{map[x86asm.Reg]value{}, map[int64]slot{}, s.called, map[uint64]bool{}}
	for r, v := range s.registers {
		copied.registers[r] = v
	}
	for at, v := range s.stack {
		copied.stack[at] = v
	}
	for address := range s.seen {
		copied.seen[address] = true
	}
	return copied
}

// get gives a register's value; one that was not written yet has the entry's.
func (s *state) get(r x86asm.Reg) value {
	full, ok := fullRegister(r)
	if !ok {
		return value{}
	}
	if v, written := s.registers[full]; written {
		return v
	}
	if full == x86asm.RSP {
		return value{stackAddress, 0}
	}
	return value{entryRegister, int64(full)}
}

func (s *state) set(r x86asm.Reg, v value) {
	if full, ok := fullRegister(r); ok {
		s.registers[full] = v
	}
}

// maxPaths bounds the ways from the entry to the site that are followed: stack checks have two or three.
const maxPaths = 64

// checkBefore follows every way from the entry to the site with what registers and stack hold: each gets to the site, and
// there everything that the site is said to see is the caller's. A way back to the entry (after runtime.morestack) is
// allowed where it brings everything back with it: the next run of the same instructions is then like the first.
func (c *checker) checkBefore() {
	c.before = map[uint64]bool{}
	paths := 0
	type work struct {
		address uint64
		state   *state
	}
	queue := []work{{c.fn.Entry, &state{registers: map[x86asm.Reg]value{}, stack: map[int64]slot{}, seen: map[uint64]bool{}}}}
	for len(queue) > 0 && len(c.answer.Complaints) == 0 {
		w := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		i := c.code.by[w.address]
		if i == nil {
			c.complain("before the site the flow leads to %s, where no instruction is", c.at(w.address))
			return
		}
		if w.address == c.fn.Entry && len(w.state.seen) > 0 {
			if !w.state.called {
				c.complain("a loop leads back to the entry without runtime.morestack")
			}
			if c.fn.ArgumentsKnown {
				c.compare("back at the entry", w.state, 8, c.tells(w.state))
			}
			continue
		}
		if w.state.seen[w.address] {
			c.complain("a loop before the site, at %s", c.at(w.address))
			return
		}
		if w.address == c.fn.Site.Address {
			c.compare("at the site", w.state, c.fn.Site.CFAOffset, false)
			if !c.fn.Site.Skip {
				continue
			}
			// The hit that takes the branch is not counted: its way goes on before the site.
			if i.Op != x86asm.JBE {
				c.complain("%s is no jbe, whose taken branch is not counted", c.at(w.address))
				return
			}
			target, _ := i.target()
			w.state.seen[w.address] = true
			queue = append(queue, work{target, w.state})
			continue
		}
		w.state.seen[w.address] = true
		c.before[w.address] = true
		c.run(i, w.state)
		to, leaves := c.successors(i)
		if leaves || len(to) == 0 {
			c.complain("the function can be left at %s (%v), before the site", c.at(i.address), i.Inst)
			return
		}
		if paths += len(to) - 1; paths > maxPaths {
			c.complain("more than %d ways to the site", maxPaths)
			return
		}
		for k, address := range to {
			next := w.state
			if k > 0 {
				next = w.state.clone()
			}
			queue = append(queue, work{address, next})
		}
	}
	c.answer.Before = len(c.before)
}

// tells: a register shows at the site, too, that this run has been in runtime.morestack.
func (c *checker) tells(s *state) bool {
	if c.fn.CameBack == nil {
		return false
	}
	r, ok := registerNamed(c.fn.CameBack.Register)
	// The site reads it as an argument in other runs: that nothing writes it on the way there is compared at the site.
	return ok && slices.Contains(c.fn.Registers, c.fn.CameBack.Register) &&
		s.get(r) == value{address, int64(c.fn.CameBack.Address)}
}

// compare: registers and stack pieces are the entry's, and CFA - RSP is what was said. lost: those of arguments need not be.
func (c *checker) compare(where string, s *state, cfaOffset int64, lost bool) {
	if rsp := s.get(x86asm.RSP); rsp.kind != stackAddress || 8-rsp.n != cfaOffset {
		c.complain("%s CFA is not RSP+%d, but RSP%+d", where, cfaOffset, 8-rsp.n)
	}
	for _, name := range c.fn.Registers {
		r, ok := registerNamed(name)
		if !ok {
			c.complain("no register %s", name)
			continue
		}
		if r == x86asm.RSP || lost && r != x86asm.RBP && r != x86asm.R14 {
			continue
		}
		if got := s.get(r); got != (value{entryRegister, int64(r)}) {
			c.complain("%s %s is not the caller's", where, name)
		}
	}
}

// store: nothing that the site is said to see may be written. Offsets from the entry's RSP.
func (c *checker) store(i *instruction, s *state, at, size int64, v value) {
	for _, piece := range append([][2]int64{{-8, 8}}, c.fn.Stack...) {
		from := piece[0] + 8
		if at < from+piece[1] && at+size > from {
			c.complain("%s (%v) writes to the caller's bytes at CFA%+d, before the site", c.at(i.address), i.Inst, piece[0])
		}
	}
	for other := range s.stack {
		if other < at+size && other+s.stack[other].size > at {
			delete(s.stack, other)
		}
	}
	s.stack[at] = slot{v, size}
}

// memory: an access before the site may not fault. Gives the place on the stack, where it is one.
func (c *checker) memory(i *instruction, s *state, m x86asm.Mem) (at int64, onStack bool) {
	if m.Segment == x86asm.FS || m.Base == x86asm.RIP || m.Base == 0 && m.Index == 0 {
		return 0, false
	}
	base := s.get(m.Base)
	switch {
	case m.Index != 0:
	case base.kind == stackAddress:
		return base.n + m.Disp, true
	case base.kind == goroutine:
		return 0, false
	case c.fn.RegisterABI && base == value{entryRegister, int64(x86asm.R14)}:
		return 0, false
	}
	c.complain("%s (%v) can fault before the site", c.at(i.address), i.Inst)
	return 0, false
}

func (c *checker) run(i *instruction, s *state) {
	if i.opaque {
		if strings.HasPrefix(string(i.bytes), "\xf3\x0f\x1e\xfa") {
			return // endbr64
		}
		c.complain("%s (% x) stands before the site, and the witness does not know it", c.at(i.address), i.bytes)
		return
	}
	switch i.Op {
	case x86asm.NOP, x86asm.JMP, x86asm.LFENCE, x86asm.MFENCE, x86asm.SFENCE, x86asm.PAUSE, x86asm.CLD, x86asm.CLC:
		return
	case x86asm.CALL:
		target, ok := i.target()
		if !ok || !c.program.isMorestack(target) {
			c.complain("%s (%v) calls before the site", c.at(i.address), i.Inst)
			return
		}
		c.morestack(i, s, c.program.names[target])
		return
	case x86asm.PUSH:
		c.push(i, s)
		return
	case x86asm.POP:
		rsp := s.get(x86asm.RSP)
		if r, ok := i.Args[0].(x86asm.Reg); ok && rsp.kind == stackAddress {
			s.set(r, s.stack[rsp.n].value)
			s.set(x86asm.RSP, value{stackAddress, rsp.n + 8})
			return
		}
	}
	if i.isBranch() {
		return
	}
	if i.Op == x86asm.LEA {
		c.lea(i, s)
		return
	}
	name := i.Op.String()
	if i.Op == x86asm.MUL || i.Op == x86asm.IMUL && i.Args[1] == nil {
		c.plain(i, s)
		s.set(x86asm.RAX, value{})
		s.set(x86asm.RDX, value{})
		return
	}
	if !reads[name] && !writesFirst(name) {
		c.complain("%s (%v) stands before the site, and the witness does not know it", c.at(i.address), i.Inst)
		return
	}
	c.plain(i, s)
}

// morestack gives the call's context and g back (runtime/asm_amd64.s: RDX from g.sched.ctxt, RSP and RBP from g.sched),
// and what is on the stack; everything else is the caller's to save. gogo jumps through RBX, as of the register ABI.
func (c *checker) morestack(i *instruction, s *state, name string) {
	s.called = true
	for r := x86asm.RAX; r <= x86asm.R15; r++ {
		kept := r == x86asm.RSP || r == x86asm.RBP || r == x86asm.R14 && c.fn.RegisterABI ||
			r == x86asm.RDX && !strings.Contains(name, "noctxt")
		if !kept {
			s.set(r, value{})
		}
	}
	for r := x86asm.X0; r <= x86asm.X15; r++ {
		s.set(r, value{})
	}
	if c.fn.RegisterABI {
		s.set(x86asm.RBX, value{address, int64(i.address) + int64(i.Len)})
	}
}

func (c *checker) push(i *instruction, s *state) {
	var v value
	if r, ok := i.Args[0].(x86asm.Reg); ok {
		v = s.get(r)
	} else if m, ok := i.Args[0].(x86asm.Mem); ok {
		c.memory(i, s, m)
	}
	rsp := s.get(x86asm.RSP)
	if rsp.kind != stackAddress || i.DataSize != 64 {
		c.complain("%s (%v) pushes to an unknown place", c.at(i.address), i.Inst)
		return
	}
	c.store(i, s, rsp.n-8, 8, v)
	s.set(x86asm.RSP, value{stackAddress, rsp.n - 8})
}

func (c *checker) lea(i *instruction, s *state) {
	to := i.Args[0].(x86asm.Reg)
	m := i.Args[1].(x86asm.Mem)
	if base := s.get(m.Base); base.kind == stackAddress && m.Index == 0 && i.DataSize == 64 {
		s.set(to, value{stackAddress, base.n + m.Disp})
	} else {
		s.set(to, value{})
	}
}

// plain: moves between registers and memory, and instructions that write their first operand alone.
func (c *checker) plain(i *instruction, s *state) {
	name := i.Op.String()
	var from value
	for k, arg := range i.Args {
		switch arg := arg.(type) {
		case x86asm.Mem:
			at, onStack := c.memory(i, s, arg)
			if k == 0 && !reads[name] {
				if !onStack {
					c.complain("%s (%v) writes to memory before the site", c.at(i.address), i.Inst)
				} else if r, ok := i.Args[1].(x86asm.Reg); ok && isMove(name) {
					c.store(i, s, at, int64(i.MemBytes), s.get(r))
				} else {
					c.store(i, s, at, int64(i.MemBytes), value{})
				}
				return
			}
			if k == 1 && onStack && isMove(name) {
				if saved := s.stack[at]; saved.size == int64(i.MemBytes) {
					from = saved.value
				}
			}
			if k == 1 && arg.Segment == x86asm.FS && i.Op == x86asm.MOV {
				from = value{goroutine, 0}
			}
		case x86asm.Reg:
			if k == 1 && (i.Op == x86asm.MOV && i.DataSize == 64) {
				from = s.get(arg)
			}
		}
	}
	to, ok := i.Args[0].(x86asm.Reg)
	if !ok || reads[name] {
		return
	}
	if constant, ok := i.Args[1].(x86asm.Imm); ok && to == x86asm.RSP {
		switch rsp := s.get(to); i.Op {
		case x86asm.SUB:
			from = value{rsp.kind, rsp.n - int64(constant)}
		case x86asm.ADD:
			from = value{rsp.kind, rsp.n + int64(constant)}
		}
	}
	if i.Op == x86asm.XCHG || i.Op == x86asm.XADD {
		for _, arg := range i.Args[1:] {
			if r, ok := arg.(x86asm.Reg); ok {
				s.set(r, value{})
			}
		}
		from = value{}
	}
	s.set(to, from)
}
