package main

import "golang.org/x/arch/x86/x86asm"

// depth: where RSP and RBP point, in bytes below the entry's RSP; known where all ways agree.
type depth struct {
	rsp, rbp           int64
	rspKnown, rbpKnown bool
}

// checkReturnAddresses: at each `ret` that can run RSP is the entry's, so that CFA is RSP+8 there and the results' places
// are where they are said to be.
func (c *checker) checkReturnAddresses(runs map[uint64]bool) {
	at := map[uint64]depth{c.fn.Entry: {rspKnown: true}}
	c.follow(at, runs, c.fn.Entry)
	// The runtime comes back to the call of deferreturn with RSP as it is in the function's body: as at its other calls.
	body := c.depthOfCalls(at)
	for k := range c.code.list {
		i := &c.code.list[k]
		if target, ok := i.target(); ok && i.Op == x86asm.CALL && c.program.isDeferreturn(target) {
			if _, followed := at[i.address]; !followed {
				at[i.address] = body
				c.follow(at, runs, i.address)
			}
		}
	}
	for address := range runs {
		i := c.code.by[address]
		if i == nil || i.opaque || i.Op != x86asm.RET {
			continue
		}
		d, followed := at[address]
		switch {
		case !followed || !d.rspKnown:
			c.note("RSP is not known at a ret")
		case d.rsp != 0:
			c.complain("at the ret %s RSP is not the entry's, but %+d", c.at(address), d.rsp)
		}
	}
}

func (c *checker) follow(at map[uint64]depth, runs map[uint64]bool, from uint64) {
	for queue := []uint64{from}; len(queue) > 0; {
		address := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		i := c.code.by[address]
		if i == nil || !runs[address] {
			continue
		}
		behind := at[address].behind(i)
		to, _ := c.successors(i)
		for _, target := range to {
			old, known := at[target]
			met := behind
			if known {
				met = old.meet(behind)
			}
			if !known || met != old {
				at[target] = met
				queue = append(queue, target)
			}
		}
	}
}

// depthOfCalls: where RSP and RBP are at calls of the function's body; not known where they differ.
func (c *checker) depthOfCalls(at map[uint64]depth) depth {
	var found *depth
	for k := range c.code.list {
		i := &c.code.list[k]
		d, followed := at[i.address]
		if target, _ := i.target(); !followed || i.Op != x86asm.CALL || c.program.isMorestack(target) {
			continue
		}
		if found == nil {
			found = &d
		} else {
			met := found.meet(d)
			found = &met
		}
	}
	if found == nil {
		return depth{}
	}
	return *found
}

func (d depth) meet(other depth) depth {
	d.rspKnown = d.rspKnown && other.rspKnown && d.rsp == other.rsp
	d.rbpKnown = d.rbpKnown && other.rbpKnown && d.rbp == other.rbp
	if !d.rspKnown {
		d.rsp = 0
	}
	if !d.rbpKnown {
		d.rbp = 0
	}
	return d
}

func (d depth) behind(i *instruction) depth {
	if i.opaque {
		return d
	}
	to, _ := i.Args[0].(x86asm.Reg)
	switch i.Op {
	case x86asm.PUSH:
		d.rsp -= 8
	case x86asm.PUSHFQ, x86asm.PUSHF:
		d.rsp -= 8
	case x86asm.POPFQ, x86asm.POPF:
		d.rsp += 8
	case x86asm.POP:
		d.rsp += 8
		if to == x86asm.RBP {
			d.rbpKnown = false
		}
	case x86asm.LEAVE:
		d.rsp, d.rspKnown, d.rbpKnown = d.rbp+8, d.rbpKnown, false
	case x86asm.CALL, x86asm.CMP, x86asm.TEST:
	default:
		if to == x86asm.RSP || to == x86asm.RBP {
			place, known := d.written(i)
			if to == x86asm.RSP {
				d.rsp, d.rspKnown = place, known
			} else {
				d.rbp, d.rbpKnown = place, known
			}
		}
	}
	if !d.rspKnown {
		d.rsp = 0
	}
	if !d.rbpKnown {
		d.rbp = 0
	}
	return d
}

// written: what an instruction writes to RSP or RBP.
func (d depth) written(i *instruction) (int64, bool) {
	of := func(r x86asm.Reg) (int64, bool) {
		switch r {
		case x86asm.RSP:
			return d.rsp, d.rspKnown
		case x86asm.RBP:
			return d.rbp, d.rbpKnown
		}
		return 0, false
	}
	to := i.Args[0].(x86asm.Reg)
	switch from := i.Args[1].(type) {
	case x86asm.Reg:
		if i.Op == x86asm.MOV {
			return of(from)
		}
	case x86asm.Mem:
		if i.Op == x86asm.LEA && from.Index == 0 {
			base, known := of(from.Base)
			return base + from.Disp, known
		}
	case x86asm.Imm:
		base, known := of(to)
		switch i.Op {
		case x86asm.SUB:
			return base - int64(from), known
		case x86asm.ADD:
			return base + int64(from), known
		}
	}
	return 0, false
}
