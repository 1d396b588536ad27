// Package other has another name than its folder.
package other

import "io"

const Size = 4

type Point struct {
	X, Y int32
	name string
}

type Celsius float64

type Reader interface {
	io.Reader
	hidden()
}

type Tree struct {
	Left, Right *Tree
	Value       [Size * 2]byte
}

type Alias = Point
