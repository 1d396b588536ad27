//go:build go1.23
// +build go1.23

package main

// Hchan: timer 32, elemtype 40, sendx 48.
const recvxOffset = 56
