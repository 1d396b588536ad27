#include "textflag.h"

// func Add(a, b int) int
TEXT ·Add(SB), NOSPLIT, $0-24
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	ADD  R1, R0
	MOVD R0, ret+16(FP)
	RET

// func CountDown(n int) int
TEXT ·CountDown(SB), NOSPLIT, $0-16
	MOVD n+0(FP), R0
loop:
	SUB  $1, R0
	CBNZ R0, loop
	MOVD R0, ret+8(FP)
	RET
