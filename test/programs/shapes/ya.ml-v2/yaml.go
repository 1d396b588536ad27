// Package yaml has an import path whose last element the linker escapes.
package yaml

// Node refers to itself.
type Node struct {
	Children []*Node
	Depth    int
}

// Marshal has a plain function's shape.
//
//go:noinline
func Marshal(key string, value interface{}) string {
	if value == nil {
		return key
	}
	return key + ":"
}

// Add has a pointer receiver.
//
//go:noinline
func (n *Node) Add(depth int) int { return n.Depth + depth }

// Base has a method whose name is another one outside of this package.
type Base struct{}

func (Base) hidden(x int64) int64 { return x }
