// Calls for conditions, by commands: `run N`, `fast N`, `labels N`, `hold N`, `panics N`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
)

type Home struct{ City string }

type User struct {
	ID    int64
	Name  string
	Tags  []string
	Next  *User
	Score float64
	Home
	Password string
}

var failed = errors.New("failed")
var sink int

//go:noinline
func work(n int, u *User, name string, tags []string) (sum int, err error) {
	sum = n * 2
	if n%10 == 3 {
		err = failed
	}
	sink += len(name) + len(tags)
	return sum, err
}

//go:noinline
func fails(n int) (r int) {
	defer func() { recover() }()
	r = deep(n)
	return r
}

//go:noinline
func deep(n int) int {
	if n%4 == 0 {
		panic("four")
	}
	return n
}

//go:noinline
func recursive(n int) int {
	if n == 0 {
		return 0
	}
	return recursive(n-1) + 1
}

func users() []*User {
	all := []*User{nil}
	for i := 1; i < 10; i++ {
		user := &User{ID: int64(i), Name: "user" + strconv.Itoa(i), Score: float64(i) / 2, Home: Home{City: "Paris"}}
		if i%2 == 0 {
			user.Tags = []string{"even", "t" + strconv.Itoa(i)}
			user.Next = all[i-1]
		}
		all = append(all, user)
	}
	return all
}

//go:noinline
func handle(n int) int { return n }

//go:noinline
func wait(n int, until chan struct{}, entered *sync.WaitGroup) int {
	entered.Done()
	<-until
	return n
}

func run(count int) {
	all := users()
	for n := 0; n < count; n++ {
		name := "n" + strconv.Itoa(n)
		tags := []string{name, "x"}[:n%3%2+1]
		work(n, all[n%10], name, tags)
		fails(n)
		recursive(n % 5)
	}
}

func labelled(count int) {
	for n := 0; n < count; n++ {
		labels := pprof.Labels("request_id", strconv.Itoa(n), "user", "ann")
		pprof.Do(context.Background(), labels, func(context.Context) { handle(n) })
		handle(n)
	}
}

func fast(count int) {
	for n := 0; n < count; n++ {
		handle(n)
	}
}

func hold(count int) {
	until := make(chan struct{})
	var entered, left sync.WaitGroup
	entered.Add(count)
	left.Add(count)
	for n := 0; n < count; n++ {
		go func(n int) {
			defer left.Done()
			wait(n, until, &entered)
		}(n)
	}
	entered.Wait()
	close(until)
	left.Wait()
}

// Each call on a goroutine of its own: every fourth ends by a panic.
func panics(count int) {
	for n := 0; n < count; n++ {
		done := make(chan struct{})
		go func(n int) {
			fails(n)
			close(done)
		}(n)
		<-done
	}
}

func main() {
	for _, line := range os.Args[1:] {
		var command string
		var count int
		fmt.Sscan(line, &command, &count)
		map[string]func(int){"run": run, "fast": fast, "labels": labelled, "hold": hold, "panics": panics}[command](count)
	}
}
