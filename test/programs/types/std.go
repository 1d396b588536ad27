package main

import (
	"bufio"
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"database/sql"
	"encoding/json"
	"go/ast"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
)

//go:noinline
func web(w http.ResponseWriter, r *http.Request, s *http.Server, c *http.Client, h http.Header, t http.Transport, k http.Cookie) {
}

//go:noinline
func times(a time.Time, b time.Duration, c *time.Location, d time.Month, e *time.Timer, f time.Ticker) {
}

//go:noinline
func urls(a url.URL, b *url.URL, c url.Values, d *url.Userinfo) {}

//go:noinline
func syncs(a *sync.Mutex, b *sync.RWMutex, c *sync.WaitGroup, d *sync.Once, e *sync.Map, f *sync.Pool, g sync.Locker, h *sync.Cond, i *atomic.Value) {
}

//go:noinline
func contexts(a context.Context, b context.CancelFunc) {}

//go:noinline
func readers(a io.Reader, b *bufio.Reader, c bytes.Buffer, d strings.Builder, e *os.File, f os.FileInfo, g *bufio.Scanner, h strings.Reader) {
}

//go:noinline
func nets(a net.IP, b net.IPNet, c net.Addr, d *net.TCPConn, e net.Conn, f *net.TCPAddr, g net.Listener, h *net.Dialer) {
}

//go:noinline
func others(a big.Int, b *big.Float, c [sha256.Size]byte, d json.RawMessage, e *json.Decoder, f *regexp.Regexp, g reflect.Value, h reflect.Type, i list.List, j *template.Template) {
}

//go:noinline
func heavy(a *tls.Config, b *tls.Conn, c tls.ConnectionState, d *sql.DB, e sql.NullString, f *log.Logger, g *ast.File, h *os.Process, i os.FileMode) {
}

func init() {
	more = append(more, []named{
		{"main.web", web}, {"main.times", times}, {"main.urls", urls}, {"main.syncs", syncs}, {"main.contexts", contexts},
		{"main.readers", readers}, {"main.nets", nets}, {"main.others", others}, {"main.heavy", heavy},
	}...)
}
