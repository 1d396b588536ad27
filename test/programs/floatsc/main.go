// Floatsc calls a function with floats from a thread of C that blocks all signals, and from goroutines.
package main

/*
#include <pthread.h>
#include <signal.h>

extern void called(int n);

static void *blocked(void *calls)
{
	for (long n = 0; n < (long)calls; n++)
		called((int)n);
	return 0;
}

static void blockedCalls(long calls)
{
	sigset_t all, before;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_create(&thread, 0, blocked, (void *)calls);
	pthread_sigmask(SIG_SETMASK, &before, 0);
	pthread_join(thread, 0);
}
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
)

var sum float64

//export called
func called(n C.int) { sum += work(-1-int(n), float64(n)*1.5) }

//go:noinline
func work(n int, x float64) float64 {
	if n == len(os.Args)+1000000 {
		panic(n)
	}
	return x * 2
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	C.blockedCalls(C.long(n))
	for i := 0; i < n; i++ {
		sum += work(i, float64(i)*1.5)
	}
	fmt.Println("SUM", sum)
}
