// Command euler is the demo target: the HTTP server of the article "Debugging Go in production using eBPF".
// It has one route, /e, that computes Euler's number by iteration.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

const defaultIterations = 100

// maxIterations keeps one request from occupying a core for long.
const maxIterations = 10000000

// computeE approximates Euler's number by summing 1/n!.
//
//go:noinline
func computeE(iterations int64) float64 {
	res := 2.0
	fact := 1.0
	for i := int64(2); i < iterations; i++ {
		fact *= float64(i)
		res += 1 / fact
	}
	return res
}

func handleE(w http.ResponseWriter, r *http.Request) {
	iterations := int64(defaultIterations)
	if text := r.URL.Query().Get("iters"); text != "" {
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || value > maxIterations {
			http.Error(w, "iters: a number up to "+strconv.Itoa(maxIterations), http.StatusBadRequest)
			return
		}
		iterations = value
	}
	fmt.Fprintf(w, "e = %0.4f\n", computeE(iterations))
}

// load sends one request every period, with changing iteration counts, until count are sent (0: without end).
func load(url string, period time.Duration, count int) {
	for i := 0; count == 0 || i < count; i++ {
		response, err := http.Get(url + "/e?iters=" + strconv.Itoa(1000+i%9000))
		if err != nil {
			fmt.Fprintln(os.Stderr, "euler: -selfload:", err)
			return
		}
		response.Body.Close()
		time.Sleep(period)
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:9090", "address to listen on; port 0 takes a free one")
	selfload := flag.Duration("selfload", 0, "send a request to the server itself once in this period (0: do not)")
	count := flag.Int("requests", 0, "with -selfload: exit with status 0 after this many requests (0: run on)")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, "euler:", err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s/e?iters=N\n", listener.Addr())

	mux := http.NewServeMux()
	mux.HandleFunc("/e", handleE)
	if *selfload > 0 {
		go func() {
			load("http://"+listener.Addr().String(), *selfload, *count)
			if *count > 0 {
				os.Exit(0)
			}
		}()
	}
	fmt.Fprintln(os.Stderr, "euler:", http.Serve(listener, mux))
	os.Exit(1)
}
