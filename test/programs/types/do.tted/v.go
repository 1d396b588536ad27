// Package dotted lies in a folder with a dot.
package dotted

import "example.com/types/inner/deep"

type T struct {
	A int8
	B deep.D
}
