// Web is an HTTP server under load, and the load:
//
//	web serve                  answers every request with a few bytes; prints "listening HOST:PORT"
//	web load HOST:PORT N S     N connections ask one request after the other for S seconds; prints
//	                           "REQUESTS P99", requests a second and microseconds
package main

import (
	"bufio"
	"fmt"
	"io"
	"io/ioutil"
	"net"
	"net/http"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
		return
	}
	if len(os.Args) != 5 || os.Args[1] != "load" {
		fmt.Fprintln(os.Stderr, "usage: web serve | web load HOST:PORT CONNECTIONS SECONDS")
		os.Exit(2)
	}
	connections, _ := strconv.Atoi(os.Args[3])
	seconds, _ := strconv.ParseFloat(os.Args[4], 64)
	load(os.Args[2], connections, time.Duration(seconds*float64(time.Second)))
}

//go:noinline
func answer(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "hello,", r.URL.Path)
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println("listening", listener.Addr())
	check(http.Serve(listener, http.HandlerFunc(answer)))
}

// The generator writes requests and reads answers itself: net/http's client costs more than the server.
func load(address string, connections int, length time.Duration) {
	end := time.Now().Add(length)
	took := make([][]time.Duration, connections)
	var wait sync.WaitGroup
	for c := range took {
		wait.Add(1)
		go func(c int) {
			defer wait.Done()
			took[c] = ask(address, end)
		}(c)
	}
	wait.Wait()
	var all []time.Duration
	for _, one := range took {
		all = append(all, one...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	if len(all) == 0 {
		check(fmt.Errorf("no request was answered"))
	}
	fmt.Printf("%.0f %d\n", float64(len(all))/length.Seconds(), all[len(all)*99/100].Microseconds())
}

func ask(address string, end time.Time) []time.Duration {
	connection, err := net.Dial("tcp", address)
	check(err)
	defer connection.Close()
	request := []byte("GET /load HTTP/1.1\r\nHost: " + address + "\r\n\r\n")
	input := bufio.NewReader(connection)
	var took []time.Duration
	for {
		start := time.Now()
		if !start.Before(end) {
			return took
		}
		_, err := connection.Write(request)
		check(err)
		response, err := http.ReadResponse(input, nil)
		check(err)
		_, err = io.Copy(ioutil.Discard, response.Body)
		check(err)
		took = append(took, time.Since(start))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}
