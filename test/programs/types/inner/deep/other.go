//go:build !linux
// +build !linux

package deep

type E [1]uint16
