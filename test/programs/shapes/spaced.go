package main

//go:noinline
func (s spaced) Value (factor int) int { return s.n * factor }
