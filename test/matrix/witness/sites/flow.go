package main

import (
	"encoding/hex"

	"golang.org/x/arch/x86/x86asm"
)

// tableEntries bounds what is read of one jump table: cmd/compile makes none with more.
const tableEntries = 1 << 16

// successors of an instruction inside the function. leaves: it can also go elsewhere for good (a tail jump).
func (c *checker) successors(i *instruction) (to []uint64, leaves bool) {
	target, direct := i.target()
	inside := func(address uint64) bool { return address >= c.fn.Entry && address < c.fn.End }
	switch {
	case i.opaque:
		return []uint64{i.next()}, false
	case i.Op == x86asm.RET, i.Op == x86asm.LRET, i.Op == x86asm.IRETQ, i.isTrap():
		return nil, false
	case i.Op == x86asm.JMP && direct:
		if inside(target) {
			return []uint64{target}, false
		}
		return nil, true
	case i.Op == x86asm.JMP:
		if memory, ok := i.Args[0].(x86asm.Mem); ok && memory.Index != 0 {
			return c.jumpTable(i, memory), false
		}
		return nil, true
	case i.Op == x86asm.CALL && direct && c.program.neverReturns(target):
		return nil, false
	case i.isBranch():
		if inside(target) {
			return []uint64{i.next(), target}, false
		}
		return []uint64{i.next()}, true
	}
	return []uint64{i.next()}, false
}

// jumpTable reads the addresses behind `LEA R, [RIP+table]` … `JMP [R + I*8]`, as long as they lie in the function.
func (c *checker) jumpTable(jump *instruction, memory x86asm.Mem) []uint64 {
	var table uint64
	for address, left := jump.address, 16; left > 0; left-- {
		i := c.previous(address)
		if i == nil {
			break
		}
		address = i.address
		if i.opaque || i.Args[0] != x86asm.Arg(memory.Base) {
			continue
		}
		if from, ok := i.Args[1].(x86asm.Mem); ok && i.Op == x86asm.LEA && from.Base == x86asm.RIP {
			table = i.next() + uint64(from.Disp)
		}
		break
	}
	var to []uint64
	for n := uint64(0); table != 0 && n < tableEntries; n++ {
		target, ok := c.program.word(table + 8*n)
		if !ok || target < c.fn.Entry || target >= c.fn.End {
			break
		}
		to = append(to, target)
	}
	if len(to) == 0 {
		c.note("the jump table of %s was not found", c.at(jump.address))
	}
	return to
}

func (c *checker) previous(address uint64) *instruction {
	for back := uint64(1); back <= 15; back++ {
		if i := c.code.by[address-back]; i != nil && i.next() == address {
			return i
		}
	}
	return nil
}

// reach collects what can run from these places on.
func (c *checker) reach(seen map[uint64]bool, from ...uint64) {
	for len(from) > 0 {
		address := from[len(from)-1]
		from = from[:len(from)-1]
		i := c.code.by[address]
		if i == nil {
			// Behind the last call of a function that panics, or after bytes that were not decoded.
			if address < c.fn.End && c.code.stuckAt == 0 {
				c.complain("the flow leads to %s, inside an instruction", c.at(address))
			}
			continue
		}
		if seen[address] {
			continue
		}
		seen[address] = true
		to, leaves := c.successors(i)
		c.leaves = c.leaves || leaves
		from = append(from, to...)
	}
}

// checkAfter: no way leads from behind the site to it again, nor to the entry.
func (c *checker) checkAfter() {
	c.after = map[uint64]bool{}
	site := c.code.by[c.fn.Site.Address]
	if site == nil {
		return
	}
	to, leaves := c.successors(site)
	c.leaves = c.leaves || leaves
	if c.fn.Site.Skip {
		to = to[:1]
	}
	// The runtime goes on there by itself after a recovered panic.
	for k := range c.code.list {
		i := &c.code.list[k]
		if target, ok := i.target(); ok && i.Op == x86asm.CALL && c.program.isDeferreturn(target) {
			to = append(to, i.address)
		}
	}
	c.reach(c.after, to...)
	if c.after[c.fn.Site.Address] {
		c.complain("a way leads from behind the site %s to it again: hits are more than calls", c.at(c.fn.Site.Address))
	}
	if c.after[c.fn.Entry] {
		c.complain("a way leads from behind the site %s to the entry: hits are more than calls", c.at(c.fn.Site.Address))
	}
}

// checkReturns: every `ret` that can run is probed, as one instruction that runs when it runs.
func (c *checker) checkReturns() {
	runs := map[uint64]bool{}
	for _, set := range []map[uint64]bool{c.before, c.after, {c.fn.Site.Address: c.code.by[c.fn.Site.Address] != nil}} {
		for address, does := range set {
			if does {
				runs[address] = true
			}
		}
	}
	probed := map[uint64]bool{}
	for _, site := range c.fn.Returns {
		c.bytesOf("a return site", site)
		i := c.code.by[site.Address]
		if i == nil {
			continue
		}
		if i.Op != x86asm.RET {
			after := c.code.by[i.next()]
			if i.Op != x86asm.NOP || after == nil || after.Op != x86asm.RET {
				c.complain("the return site %s is neither a ret nor the nop before one", c.at(site.Address))
				continue
			}
			for address := range runs {
				to, _ := c.successors(c.code.by[address])
				for _, target := range to {
					if target == after.address && address != i.address {
						c.complain("%s leads to the ret %s past its site", c.at(address), c.at(target))
					}
				}
			}
			i = after
		}
		probed[i.address] = true
		if !runs[i.address] {
			c.note("a ret is probed that nothing seems to reach")
		}
		if site.CFAOffset != 8 {
			c.complain("at the ret %s CFA is RSP+8, not +%d", c.at(i.address), site.CFAOffset)
		}
	}
	for address := range runs {
		if i := c.code.by[address]; i != nil && i.Op == x86asm.RET && !i.opaque && !probed[address] {
			c.complain("the ret %s is not probed", c.at(address))
		}
	}
	if c.leaves && !c.fn.JumpsAway {
		c.complain("a jump leads out of the function, and that is not said")
	}
	if !c.leaves && c.fn.JumpsAway {
		c.note("a jump out of the function is told that nothing seems to reach")
	}
	c.checkReturnAddresses(runs)
}

func (c *checker) checkIntruders(intruders []uint64) {
	for _, target := range intruders {
		if target > c.fn.Site.Address && !c.before[target] {
			c.note("code elsewhere leads to %s, behind the site: such calls are not counted", c.at(target))
		} else {
			c.complain("code elsewhere leads to %s, before the site", c.at(target))
		}
	}
}

// bytesOf: the site is an instruction, with the bytes that are said, which the kernel treats as is said.
func (c *checker) bytesOf(what string, site Site) {
	i := c.code.by[site.Address]
	if i == nil {
		if c.code.stuckAt == 0 || site.Address < c.code.stuckAt {
			c.complain("%s %s is no instruction's first byte", what, c.at(site.Address))
		}
		return
	}
	if hex.EncodeToString(i.bytes) != site.Bytes {
		c.complain("%s %s has the bytes %x, not %s", what, c.at(site.Address), i.bytes, site.Bytes)
	}
	if emulated := isEmulated(i); site.Emulated && !emulated {
		c.complain("%s %s (%v) is not emulated by the kernel", what, c.at(site.Address), i.Inst)
	}
	for _, prefix := range i.Prefix {
		if byte(prefix) == 0xf0 && !i.opaque {
			c.complain("%s %s has a lock prefix, which the kernel rejects", what, c.at(site.Address))
		}
	}
}

// isEmulated: arch/x86/kernel/uprobes.c, branch_setup_xol_ops and push_setup_xol_ops, as Linux 5.10 has them.
func isEmulated(i *instruction) bool {
	_, direct := i.target()
	switch {
	case i.opaque:
		return false
	case i.Op == x86asm.PUSH:
		register, ok := i.Args[0].(x86asm.Reg)
		return ok && register >= x86asm.RAX && register <= x86asm.R15
	case i.Op == x86asm.CALL:
		return direct
	case i.Op == x86asm.NOP, i.Op == x86asm.XCHG:
		return i.bytes[i.Len-1] == 0x90
	}
	return direct
}
