package deep

// D is defined per operating system, to see that the right file is read.
type D = forOS

type E [unitBytes << 2]uint16
