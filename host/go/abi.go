package backstop

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"
)

// The canonical ABI on the host's side: how values are written into the module's memory, and read
// from it. Sizes and offsets are in codec_generated.go.

// A signature is a function that crosses the boundary, with the numbers that it takes and returns.
type signature struct{ iface, name, params, results string }

func (s *signature) export() string { return s.iface + "#" + s.name }

// A fault is what a module did that the contract does not allow. It is thrown, and caught where the
// call began.
type fault string

func (f fault) Error() string { return string(f) }

// mostLifted is how much of a module's memory an answer may name, strings counted as often as they are
// named, unless there is more memory than that: a thousand times what a roster of a hundred backends
// takes.
const mostLifted = 64 << 20

// ---- Reading ----

// memory is what is read from: the module's memory as it is until the module runs again.
type memory struct {
	bytes []byte
	read  int
}

// region returns the part of memory that a pointer names.
func (m *memory) region(p uint32, size uint64, align uint32) []byte {
	if p&(align-1) != 0 {
		panic(fault("a pointer is not aligned"))
	}
	if uint64(p)+size > uint64(len(m.bytes)) {
		panic(fault("a pointer leaves the memory"))
	}
	if m.read += int(size); m.read > max(mostLifted, len(m.bytes)) {
		panic(fault("the answer is larger than any roster"))
	}
	return m.bytes[p : uint64(p)+size : uint64(p)+size]
}

// which reads the tag of a value that has that many cases.
func (m *memory) which(b []byte, cases int) int {
	if which := int(b[0]); which < cases {
		return which
	}
	panic(fault("a tag names no case"))
}

func (m *memory) text(p, length uint32) string {
	b := m.region(p, uint64(length), 1)
	if !utf8.Valid(b) {
		panic(fault("a text is not UTF-8"))
	}
	return string(b)
}

func liftBool(m *memory, b []byte, v *bool)     { *v = b[0] != 0 }
func liftU32(m *memory, b []byte, v *uint32)    { *v = binary.LittleEndian.Uint32(b) }
func liftU64(m *memory, b []byte, v *uint64)    { *v = binary.LittleEndian.Uint64(b) }
func liftString(m *memory, b []byte, v *string) { *v = m.text(pair(b)) }

func pair(b []byte) (first, second uint32) {
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

func liftOption[T any](m *memory, b []byte, payload int, v **T, lift func(*memory, []byte, *T)) {
	if m.which(b, 2) == 0 {
		*v = nil
		return
	}
	*v = new(T)
	lift(m, b[payload:], *v)
}

func liftList[T any](m *memory, b []byte, size int, align uint32, v *[]T, lift func(*memory, []byte, *T)) {
	p, length := pair(b)
	*v = liftItems(m, p, length, size, align, lift)
}

func liftItems[T any](m *memory, p, length uint32, size int, align uint32, lift func(*memory, []byte, *T)) []T {
	b := m.region(p, uint64(length)*uint64(size), align)
	if length == 0 {
		return nil
	}
	items := make([]T, length)
	for i := range items {
		lift(m, b[i*size:(i+1)*size], &items[i])
	}
	return items
}

func liftAnswer(m *memory, b []byte, payload int, v *Answer) {
	if m.which(b, 2) == 0 {
		v.Decision = new(Decision)
		liftDecision(m, b[payload:], v.Decision)
		return
	}
	v.Refusal = new(Refusal)
	liftRefusal(m, b[payload:], v.Refusal)
}

// ---- Writing ----

// A lowerer writes the parameters of one call, or the answer of one import. Values have been checked
// before: it writes what it is given.
//
// The module's allocator hands out blocks of a power of two, at least 16 bytes and aligned to that,
// and takes back any block of such a size. So where the module is known to have that allocator, many
// blocks are cut from one that is asked for, each as the allocator itself would have made it. What is
// asked for costs a call; what is cut costs nothing.
type lowerer struct {
	guest allocator
	mem   []byte
	// cut says that blocks may be cut.
	cut bool
	// next is the first byte of the current block that is not used, and left is how many are.
	next, left uint32
	// chunk is how large the next block is to be.
	chunk uint32
}

// An allocator is what gives out a module's memory.
type allocator interface {
	// allocate returns the address of a block that has that size and alignment, and the memory that
	// it is in.
	allocate(size, align uint32) (uint32, []byte)
}

const (
	leastBlock = 16
	firstChunk = 4 << 10
	lastChunk  = 256 << 10
)

// alloc returns the address of a block for a value of that size. Nothing has no block; its address is
// aligned, and never read.
func (l *lowerer) alloc(size uint64, align uint32) uint32 {
	switch {
	case size == 0:
		return align
	case size > math.MaxInt32:
		panic(&InvalidError{Reason: "is larger than what the policy has memory for"})
	case !l.cut:
		return l.ask(uint32(size), align)
	}
	block := uint32(leastBlock)
	if size > leastBlock {
		block = 1 << bits.Len32(uint32(size)-1)
	}
	if l.left < block {
		l.chunk = min(max(2*l.chunk, firstChunk), lastChunk)
		l.left = max(l.chunk, block)
		l.next = l.ask(l.left, leastBlock)
	}
	p := l.next
	l.next += block
	l.left -= block
	return p
}

func (l *lowerer) ask(size, align uint32) uint32 {
	p, mem := l.guest.allocate(size, align)
	l.mem = mem
	l.region(p, uint64(size), align)
	return p
}

// region checks that a pointer names memory.
func (l *lowerer) region(p uint32, size uint64, align uint32) {
	if p&(align-1) != 0 {
		panic(fault("a pointer is not aligned"))
	}
	if uint64(p)+size > uint64(len(l.mem)) {
		panic(fault("a pointer leaves the memory"))
	}
}

func (l *lowerer) put8(p uint32, v byte)    { l.mem[p] = v }
func (l *lowerer) put32(p uint32, v uint32) { binary.LittleEndian.PutUint32(l.mem[p:], v) }
func (l *lowerer) put64(p uint32, v uint64) { binary.LittleEndian.PutUint64(l.mem[p:], v) }

// text writes a text, and returns its address and its length.
func (l *lowerer) text(v string) (p, length uint64) {
	address := l.alloc(uint64(len(v)), 1)
	copy(l.mem[address:], v)
	return uint64(address), uint64(len(v))
}

func lowerBool(l *lowerer, p uint32, v *bool) {
	l.mem[p] = 0
	if *v {
		l.mem[p] = 1
	}
}

func lowerU32(l *lowerer, p uint32, v *uint32) { l.put32(p, *v) }
func lowerU64(l *lowerer, p uint32, v *uint64) { l.put64(p, *v) }

func lowerString(l *lowerer, p uint32, v *string) {
	address, length := l.text(*v)
	l.put32(p, uint32(address))
	l.put32(p+4, uint32(length))
}

func lowerOption[T any](l *lowerer, p, payload uint32, v *T, lower func(*lowerer, uint32, *T)) {
	if v == nil {
		l.mem[p] = 0
		return
	}
	l.mem[p] = 1
	lower(l, p+payload, v)
}

func lowerList[T any](l *lowerer, p, size, align uint32, v []T, lower func(*lowerer, uint32, *T)) {
	items := l.alloc(uint64(len(v))*uint64(size), align)
	for i := range v {
		lower(l, items+uint32(i)*size, &v[i])
	}
	l.put32(p, items)
	l.put32(p+4, uint32(len(v)))
}
