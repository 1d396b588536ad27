// Sites checks probe sites that somebody else has chosen: it reads a program file and one JSON line for each function
// (Function), and writes one JSON line with what it found for each (Answer). It shares no code with the chooser, and
// decodes with golang.org/x/arch. SYMBOLS is a file with symbols and the same code at the same addresses, PROGRAM itself
// where it has them.
//
//	sites PROGRAM SYMBOLS FUNCTIONS
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Function is what was chosen, and what is claimed of it. Addresses are the file's.
type Function struct {
	Name  string
	Entry uint64
	End   uint64
	// RegisterABI: R14 is g at the entry.
	RegisterABI bool
	Site        Site
	// Registers that are read at the site as the caller's: "RAX", …, "X0", ….
	Registers []string
	// ArgumentsKnown: Registers are arguments, so what the stack check saves must bring all of them back.
	ArgumentsKnown bool
	// CameBack: in calls whose stack check failed, this register has this address at the site, and no argument in a
	// register is believed there.
	CameBack *Return
	// Stack bytes that are read at the site as the caller's: offset from the CFA and size.
	Stack     [][2]int64
	Returns   []Site
	JumpsAway bool
}

// Return is where runtime.morestack comes back to.
type Return struct {
	Register string
	Address  uint64
}

// Site is a claim about one instruction.
type Site struct {
	Address uint64
	// Bytes of the instruction, hex.
	Bytes    string
	Emulated bool
	// CFAOffset is CFA - RSP.
	CFAOffset int64
	// Skip: hits that take the branch do not count.
	Skip bool
}

// Answer is what holds of one function, and what does not.
type Answer struct {
	Name string `json:"name"`
	// Complaints: obligations that are broken.
	Complaints []string `json:"complaints"`
	// Notes: what could not be checked, or is more careful than it need be.
	Notes []string `json:"notes"`
	// Before is how many instructions can run in a call before its site counts it.
	Before int `json:"before"`
}

func main() {
	program, err := openProgram(os.Args[1], os.Args[2])
	if err != nil {
		fail(err)
	}
	functions, err := readFunctions(os.Args[3])
	if err != nil {
		fail(err)
	}
	intruders := program.intruders(functions)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for i := range functions {
		if err := encoder.Encode(program.check(&functions[i], intruders[functions[i].Entry])); err != nil {
			fail(err)
		}
	}
}

func readFunctions(path string) ([]Function, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var functions []Function
	for decoder := json.NewDecoder(bufio.NewReader(file)); decoder.More(); {
		var function Function
		if err := decoder.Decode(&function); err != nil {
			return nil, err
		}
		functions = append(functions, function)
	}
	return functions, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// check answers for one function. intruders are addresses inside of it to which code elsewhere jumps or calls.
func (p *program) check(f *Function, intruders []uint64) Answer {
	c := &checker{program: p, fn: f, answer: Answer{Name: f.Name, Complaints: []string{}, Notes: []string{}}}
	c.code = p.decode(f.Entry, f.End)
	if c.code.stuckAt != 0 {
		c.note("cannot be decoded by the witness from +%d on", c.code.stuckAt-f.Entry)
	}
	c.bytesOf("the entry site", f.Site)
	c.checkBefore()
	c.checkAfter()
	c.checkReturns()
	c.checkIntruders(intruders)
	return c.answer
}

type checker struct {
	program *program
	fn      *Function
	code    *code
	// Instructions that can run before the site has counted the call.
	before map[uint64]bool
	// Instructions that can run behind it.
	after  map[uint64]bool
	leaves bool
	answer Answer
}

func (c *checker) complain(format string, args ...any) {
	if len(c.answer.Complaints) < 8 {
		c.answer.Complaints = append(c.answer.Complaints, fmt.Sprintf(format, args...))
	}
}

func (c *checker) note(format string, args ...any) {
	if len(c.answer.Notes) < 8 {
		c.answer.Notes = append(c.answer.Notes, fmt.Sprintf(format, args...))
	}
}

func (c *checker) at(address uint64) string { return fmt.Sprintf("+%d", address-c.fn.Entry) }
