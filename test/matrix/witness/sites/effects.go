package main

import (
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"
)

// isMove: what is spilled by one of these is brought back by one of these (cmd/compile spills by the parameter's type).
func isMove(name string) bool {
	switch name {
	case "MOV", "MOVZX", "MOVSX", "MOVSXD", "MOVSD_XMM", "MOVSS", "MOVUPS", "MOVQ", "MOVD":
		return true
	}
	return false
}

// reads: nothing is written but flags.
var reads = set("CMP TEST BT UCOMISS UCOMISD COMISS COMISD PTEST PREFETCHNTA PREFETCHT0 PREFETCHT1 PREFETCHT2 PREFETCHW")

// writers: nothing is written but the first operand and flags.
var writers = set("MOV MOVZX MOVSX MOVSXD MOVD MOVQ MOVSD_XMM MOVSS MOVUPS MOVAPS MOVUPD MOVAPD MOVDQU MOVDQA MOVBE ADD SUB AND OR XOR ADC SBB " +
	"INC DEC NEG NOT IMUL SHL SHR SAR ROL ROR RCL RCR SHLD SHRD BSWAP BSF BSR POPCNT LZCNT TZCNT BTS BTR BTC XCHG XADD " +
	"ADDSD ADDSS SUBSD SUBSS MULSD MULSS DIVSD DIVSS SQRTSD SQRTSS ADDPS ADDPD SUBPS SUBPD MULPS MULPD ANDPS ANDPD ANDNPD ANDNPS " +
	"ORPS ORPD XORPS XORPD PXOR POR PAND PANDN MINSD MAXSD MINSS MAXSS ROUNDSD ROUNDSS CVTSI2SD CVTSI2SS CVTSD2SI CVTSS2SI " +
	"CVTTSD2SQ CVTTSD2SI CVTTSS2SI CVTSD2SS CVTSS2SD PSHUFB PSHUFD PINSRQ PINSRB PINSRD PINSRW PCMPEQB PCMPEQD PMOVMSKB MOVMSKPD MOVMSKPS " +
	"PUNPCKLBW PSHUFHW PSHUFLW PSLLQ PSRLQ PSRLDQ PSLLDQ PADDQ PADDD PSUBQ CRC32")

func writesFirst(name string) bool {
	return writers[name] || strings.HasPrefix(name, "CMOV") || strings.HasPrefix(name, "SET")
}

func set(words string) map[string]bool {
	all := map[string]bool{}
	for _, word := range strings.Fields(words) {
		all[word] = true
	}
	return all
}

var registerNames = func() map[string]x86asm.Reg {
	names := map[string]x86asm.Reg{}
	for r := x86asm.RAX; r <= x86asm.R15; r++ {
		names[r.String()] = r
	}
	for n := 0; n < 16; n++ {
		names[fmt.Sprintf("X%d", n)] = x86asm.X0 + x86asm.Reg(n)
	}
	return names
}()

func registerNamed(name string) (x86asm.Reg, bool) {
	r, ok := registerNames[name]
	return r, ok
}

// fullRegister: the 64 bits, or the vector register, that a register is a part of.
func fullRegister(r x86asm.Reg) (x86asm.Reg, bool) {
	switch {
	case r >= x86asm.AL && r <= x86asm.BL:
		return x86asm.RAX + r - x86asm.AL, true
	case r >= x86asm.AH && r <= x86asm.BH:
		return x86asm.RAX + r - x86asm.AH, true
	case r >= x86asm.SPB && r <= x86asm.R15B:
		return x86asm.RSP + r - x86asm.SPB, true
	case r >= x86asm.AX && r <= x86asm.R15W:
		return x86asm.RAX + r - x86asm.AX, true
	case r >= x86asm.EAX && r <= x86asm.R15L:
		return x86asm.RAX + r - x86asm.EAX, true
	case r >= x86asm.RAX && r <= x86asm.R15, r >= x86asm.X0 && r <= x86asm.X15:
		return r, true
	}
	return 0, false
}
