// Package main is a plugin, which host opens.
package main

//go:noinline
func Double(n int, s string) int { return 2*n + len(s) }

type Raw []byte

type Mark struct {
	Name string
	Raw  Raw
	M    map[string]int
}

// Show has types that only the plugin has, one that its host has, too, and a float register.
//
//go:noinline
func Show(own, raw, hosts interface{}, f float64) int { return len(own.(Mark).Name) + hosts.(int) + int(f) }

// Mixed calls it.
func Mixed() int { return Show(Mark{"a", Raw("b"), map[string]int{"c": 1}}, Raw(""), 2, 2.5) }

func main() {}
