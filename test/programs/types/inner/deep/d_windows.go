package deep

type forOS struct{ A [100]byte }

const unitBytes = 16
