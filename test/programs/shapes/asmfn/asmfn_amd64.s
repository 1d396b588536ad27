#include "textflag.h"

// func Add(a, b int) int
TEXT ·Add(SB), NOSPLIT, $0-24
	MOVQ a+0(FP), AX
	ADDQ b+8(FP), AX
	MOVQ AX, ret+16(FP)
	RET

// func CountDown(n int) int
TEXT ·CountDown(SB), NOSPLIT, $0-16
loop:
	DECQ n+0(FP)
	JGT  loop
	MOVQ n+0(FP), AX
	MOVQ AX, ret+8(FP)
	RET

// static is not visible outside this file.
TEXT static<>(SB), NOSPLIT, $0-0
	RET
