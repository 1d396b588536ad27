package main

import yaml "example.com/shapes/ya.ml-v2"

// A method that hides the embedded one, spaced as gofmt would not leave it, and in a file without its type.
type spaced struct{ counter }

type valuer interface{ Value(int) int }

// Its own hidden is not the one of yaml.Base, although that is embedded less deeply.
type inner struct{ n int64 }
type holder struct{ inner }
type blended struct {
	yaml.Base
	holder
}

type hider interface{ hidden(int64) int64 }

//go:noinline
func (i inner) hidden(when int64) int64 { return i.n + when }

//go:noinline
func useValuer(v valuer, n int) int { return v.Value(n) }

//go:noinline
func useHider(h hider, n int64) int64 { return h.hidden(n) }

func init() {
	register("main.spaced.Value", func() { sink = useValuer(&spaced{counter{2, "s"}}, 3) }, `s=main.spaced{counter:main.counter{n:2, name:"s"}}`, "factor=3")
	register("main.inner.hidden", func() { sink = useHider(&blended{holder: holder{inner{4}}}, 5) }, "i=main.inner{n:4}", "when=5")
}
