//go:build go1.18 && !go1.20
// +build go1.18,!go1.20

package main

// Go 1.18 and 1.19 number the shapes of an instance: go.shape.int_0.
const shapeIndexed = true
