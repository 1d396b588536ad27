//go:build go1.19
// +build go1.19

package main

import (
	"net/netip"
	"sync/atomic"
)

type Counters struct {
	Calls atomic.Int64
	Small atomic.Int32
	Open  atomic.Bool
	Last  atomic.Pointer[Point]
	Size  atomic.Uint64
}

//go:noinline
func takesCounters(c *Counters, n *atomic.Int64) *atomic.Pointer[Point] { return &c.Last }

//go:noinline
func takesNetip(a netip.Addr, p netip.Prefix, q netip.AddrPort) (netip.Addr, bool) { return a, a.Is4() }

func init() {
	c := &Counters{}
	c.Calls.Store(-5)
	c.Small.Store(7)
	c.Open.Store(true)
	c.Last.Store(&Point{1, 2})
	c.Size.Store(1 << 63)
	check(takesCounters, "c n", c, &c.Calls)
	check(takesNetip, "a p q", netip.MustParseAddr("10.1.2.3"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddrPort("[::1]:80"))
	check(takesNetip, "a p q", netip.Addr{}, netip.Prefix{}, netip.MustParseAddrPort("1.2.3.4:5"))
}
