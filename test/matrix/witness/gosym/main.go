// Command gosym prints the functions of a stripped Go program as the standard library's debug/gosym reads them: entry,
// end (hexadecimal), line, name and file, tabs between. A second argument is the address of runtime.text, which files
// of Go 1.26 and later do not tell.
package main

import (
	"bufio"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
)

func main() {
	file, err := elf.Open(os.Args[1])
	check(err)
	section := file.Section(".gopclntab")
	if section == nil {
		section = file.Section(".data.rel.ro.gopclntab")
	}
	if section == nil {
		check(fmt.Errorf("%s has no .gopclntab", os.Args[1]))
	}
	data, err := section.Data()
	check(err)
	text := file.Section(".text").Addr
	// The header has the start of Go's own code, which is not .text's where C code comes first; 0 since Go 1.26, and not
	// relocated in position-independent programs.
	if magic := binary.LittleEndian.Uint32(data); file.Type == elf.ET_EXEC && (magic == 0xfffffff0 || magic == 0xfffffff1) {
		if start := binary.LittleEndian.Uint64(data[24:]); start != 0 {
			text = start
		}
	}
	if len(os.Args) > 2 {
		text, err = strconv.ParseUint(os.Args[2], 16, 64)
		check(err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	check(err)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, fn := range table.Funcs {
		path, line, _ := table.PCToLine(fn.Entry)
		fmt.Fprintf(out, "%x\t%x\t%d\t%s\t%s\n", fn.Entry, fn.End, line, fn.Name, path)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
