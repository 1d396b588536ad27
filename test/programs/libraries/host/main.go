// Opens a plugin; each line of the input makes one call of it and one of the program's own.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
)

//go:noinline
func own(n int) int { return n + 1 }

func main() {
	opened, err := plugin.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	found, err := opened.Lookup("Double")
	if err != nil {
		panic(err)
	}
	double := found.(func(int, string) int)
	found, err = opened.Lookup("Mixed")
	if err != nil {
		panic(err)
	}
	mixed := found.(func() int)
	fmt.Println("ready")
	input := bufio.NewScanner(os.Stdin)
	for n := 1; input.Scan(); n++ {
		fmt.Println("done", double(n, "plugin"), own(n), mixed())
	}
}
