// Values behind pointers of every kind, for test/kernel/capture.test.ts: what the kernel program copies is compared
// with what stands here.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

type City struct {
	Name string
	Zip  int
}

type Person struct {
	ID     int
	Name   string
	Tags   []string
	Home   *City
	Friend *Person
	secret [3]byte
	Token  string
	Age    int
}

type Key struct{ A, B int }

type Big struct{ Words [40]int }

//go:noinline
func person(p *Person) int { return p.ID }

//go:noinline
func byValue(p Person) int { return p.ID + p.Age }

//go:noinline
func slices(names []string, nested [][]int) int { return len(names) + len(nested) }

//go:noinline
func maps(small map[string]int, large map[int]*City, big map[string]Big, empty map[string]int) int {
	return len(small) + len(large) + len(big) + len(empty)
}

//go:noinline
func interfaces(a, b, c, d interface{}, err error) bool { return a != nil && err != nil }

//go:noinline
func channels(c chan string, d chan int) int { return len(c) + len(d) }

//go:noinline
func funcs(plain, closure func() int) bool { return plain != nil && closure != nil }

//go:noinline
func large(b *[2000]int, text string) int { return b[1999] + len(text) }

//go:noinline
func secrets(password string, user string, key *Person) int { return len(password) + len(user) + key.ID }

func seven() int { return 7 }

func main() {
	if len(os.Args) > 1 {
		time.Sleep(500 * time.Millisecond)
	}
	home := &City{"Bern", 3000}
	friend := &Person{ID: 2, Name: "Bob", Home: home}
	ann := &Person{ID: 1, Name: "Ann", Tags: []string{"x", "yy", "zzz"}, Home: home, Friend: friend, Token: "hush-hush", Age: 44}
	friend.Friend = ann
	sum := person(ann) + byValue(*ann)
	sum += slices([]string{"one", "two", "three"}, [][]int{{1, 2}, {3}, nil})
	big := map[int]*City{}
	for i := 0; i < 100; i++ {
		big[i] = &City{"City" + strconv.Itoa(i), i}
	}
	var words Big
	words.Words[39] = 99
	sum += maps(map[string]int{"a": 1, "b": 2}, big, map[string]Big{"w": words}, nil)
	interfaces(ann, City{"Rome", 7}, 42, map[string]int{"k": 5}, fmt.Errorf("wrapped: %w", errors.New("inner")))
	c := make(chan string, 4)
	c <- "first"
	c <- "second"
	sum += channels(c, nil)
	funcs(seven, func() int { return len(home.Name) + sum })
	var array [2000]int
	for i := range array {
		array[i] = i
	}
	sum += large(&array, "after")
	sum += secrets("hunter2", "ann", ann)
	fmt.Println(sum)
}
