package main

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Contexts, errors, and types of the standard library whose layouts differ between versions.

type contextKey int
type stringKey struct{ name string }

//go:noinline
func takesContext(ctx context.Context, n int) (context.Context, error) { return ctx, ctx.Err() }

//go:noinline
func takesError(err error, also *error, all []error) (error, string) { return err, err.Error() }

//go:noinline
func takesNilError(err error) error { return err }

//go:noinline
func takesLocks(m *sync.Mutex, rw *sync.RWMutex, wg *sync.WaitGroup, once *sync.Once) bool {
	return m != nil
}

//go:noinline
func takesAtomic(v *atomic.Value, w struct{ V atomic.Value }) interface{} { return v.Load() }

//go:noinline
func takesTimes(t time.Time, p *time.Time, all []time.Time, byTime map[time.Time]time.Duration, any interface{}) (time.Time, time.Duration) {
	return *p, t.Sub(*p)
}

//go:noinline
func takesURL(u url.URL, p *url.URL, q url.Values) (*url.URL, error) { return p, nil }

//go:noinline
func takesBuffers(b *bytes.Buffer, s *strings.Builder, r *strings.Reader) int { return b.Len() }

//go:noinline
func takesNet(ip net.IP, n *net.IPNet, a net.Addr, e error) (net.Addr, net.IP) { return a, ip }

//go:noinline
func takesList(l *list.List, e *list.Element) *list.Element { return l.Front() }

//go:noinline
func takesBig(i *big.Int, r *big.Rat) *big.Int { return i }

//go:noinline
func takesTimers(c <-chan time.Time, after <-chan time.Time, plain chan time.Time) <-chan time.Time {
	return after
}

//go:noinline
func takesSyncMap(m *sync.Cond, n int) sync.Locker { return m.L }

type Service struct {
	mu      sync.Mutex
	ctx     context.Context
	started time.Time
	timeout time.Duration
	hits    int64
	byID    map[int64]*Order
	err     error
	stop    chan struct{}
}

//go:noinline
func (s *Service) Put(ctx context.Context, o *Order, discount float64) (total float64, err error) {
	return o.Discount * discount, &Wrapped{"put", o.Err}
}

func init() {
	background := context.Background()
	value := context.WithValue(background, contextKey(1), "request-7")
	chained := context.WithValue(context.WithValue(value, stringKey{"user"}, &Customer{Name: "Ann"}), "plain", 3.5)
	cancelled, cancel := context.WithCancel(context.WithValue(background, contextKey(2), Point{1, 2}))
	cancel()
	for _, ctx := range []context.Context{background, context.TODO(), value, chained, cancelled} {
		check(takesContext, "ctx n", ctx, 1)
	}

	wrapped := fmt.Errorf("read: %w", errPlain)
	for _, err := range []error{errPlain, wrapped, fmt.Errorf("twice: %w", wrapped), MyError{5, "mine"}, &PtrError{"op"},
		Errno(2), &Wrapped{"outer", &Wrapped{"inner", errors.New("core")}}, context.Canceled, context.DeadlineExceeded,
		&net.OpError{Op: "dial", Net: "tcp", Err: errPlain}, &url.Error{Op: "Get", URL: "http://h/", Err: wrapped},
		error(nil)} {
		err := err
		if err == nil {
			check(takesNilError, "err", nil)
			continue
		}
		check(takesError, "err also all", err, &err, []error{err, nil, errPlain})
	}
	check(takesNilError, "err", (*PtrError)(nil))

	var mutex sync.Mutex
	mutex.Lock()
	var rw sync.RWMutex
	rw.RLock()
	var group sync.WaitGroup
	group.Add(2)
	var once sync.Once
	once.Do(func() {})
	check(takesLocks, "m rw wg once", &mutex, &rw, &group, &once)
	check(takesLocks, "m rw wg once", new(sync.Mutex), nil, new(sync.WaitGroup), new(sync.Once))
	check(takesSyncMap, "m n", sync.NewCond(&mutex), 1)
	v := new(atomic.Value)
	v.Store(Point{1, 2})
	check(takesAtomic, "v w", v, struct{ V atomic.Value }{})

	noon := time.Date(2026, 11, 22, 10, 0, 0, 500000000, time.UTC)
	for _, t := range []time.Time{noon, {}, time.Now(), time.Unix(0, 1), noon.In(time.FixedZone("X", 3600)),
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1600, 2, 29, 23, 59, 59, 999999999, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC)} {
		t := t
		check(takesTimes, "t p all byTime any", t, &t, []time.Time{t, noon}, map[time.Time]time.Duration{t: time.Hour}, t)
	}
	for _, d := range []time.Duration{0, 1, 999, 1000, 1500, -1500, time.Millisecond, 90 * time.Minute, 1<<63 - 1, -1 << 63} {
		check(takesAny, "f", d)
		check(duration, "d m w", d, time.January, time.Saturday)
	}
	check(takesAny, "f", time.November)

	parsed, err := url.Parse("https://bob:pw@example.com:8080/a%2Fb?q=1&q=2#frag")
	if err != nil {
		panic(err)
	}
	check(takesURL, "u p q", *parsed, parsed, parsed.Query())
	var builder strings.Builder
	builder.WriteString("built")
	check(takesBuffers, "b s r", bytes.NewBufferString("buffer"), &builder, strings.NewReader("reader"))
	_, network, err := net.ParseCIDR("10.0.0.0/8")
	if err != nil {
		panic(err)
	}
	check(takesNet, "ip n a e", net.IPv4(127, 0, 0, 1), network, &net.TCPAddr{IP: net.IPv6loopback, Port: 80, Zone: "lo"}, &net.AddrError{Err: "bad", Addr: "a"})
	l := list.New()
	l.PushBack(1)
	l.PushBack("two")
	check(takesList, "l e", l, l.Back())
	check(takesBig, "i r", new(big.Int).Lsh(big.NewInt(3), 100), big.NewRat(-3, 4))
	filled := make(chan time.Time, 1)
	filled <- noon
	check(takesTimers, "c after plain", time.NewTimer(time.Hour).C, time.After(100*time.Hour), filled)

	service := &Service{ctx: chained, started: noon, timeout: time.Second, hits: 3, byID: map[int64]*Order{1: order(1)}, err: wrapped, stop: make(chan struct{})}
	check((*Service).Put, "s ctx o discount -> total err", service, chained, order(2), 0.5)
	check((*Service).Put, "s ctx o discount -> total err", (*Service)(nil), nil, order(0), 0.5)
}
