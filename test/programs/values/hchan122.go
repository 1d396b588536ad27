//go:build !go1.23
// +build !go1.23

package main

// Hchan: elemtype 32, sendx 40.
const recvxOffset = 48
