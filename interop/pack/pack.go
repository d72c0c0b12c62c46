// Package pack is go-iproto's packed form of values, written from the project's
// notes (docs/wire/pack.md) and held to vectors/iproto_pack.json. It is what the
// iproto peer packs with; it is not go-iproto's code, and its speed says nothing
// about it.
//
// In: Go values, by reflection. Out: bytes that say nothing about themselves, and
// values back. Reading is strict: what is cut short or left over is an error.
// ber.go is the variable-length integer, unpack.go is the way back.
package pack

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// Mode says how the outermost integer, length or count is spelled; what is inside
// is fixed again, save for fields with the tag `iproto:"ber"`.
type Mode int

const (
	Fixed Mode = iota // as many bytes as the type is wide, little-endian
	Ber               // base 128, most significant group first
)

// Pack spells values one after another.
func Pack(mode Mode, values ...any) ([]byte, error) {
	var out []byte
	for _, value := range values {
		var err error
		if out, err = appendValue(out, mode, reflect.ValueOf(value)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendValue(out []byte, mode Mode, value reflect.Value) ([]byte, error) {
	switch kind := value.Kind(); kind {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return appendInteger(out, mode, value.Uint(), width(kind)), nil
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		// The bits of the type's width: an int is cut to 32 of them.
		return appendInteger(out, mode, uint64(value.Int())&mask(width(kind)), width(kind)), nil
	case reflect.Uint:
		if value.Uint() > math.MaxUint32 {
			return nil, fmt.Errorf("uint %d is above 32 bits", value.Uint())
		}
		return appendInteger(out, mode, value.Uint(), width(kind)), nil
	case reflect.String:
		return append(appendInteger(out, mode, uint64(value.Len()), 4), value.String()...), nil
	case reflect.Slice:
		return appendSlice(out, mode, value)
	case reflect.Struct:
		return appendStruct(out, value)
	case reflect.Pointer:
		return appendValue(out, mode, value.Elem())
	default:
		return nil, fmt.Errorf("%s has no packed form", value.Type())
	}
}

func appendSlice(out []byte, mode Mode, value reflect.Value) ([]byte, error) {
	out = appendInteger(out, mode, uint64(value.Len()), 4)
	if value.Type().Elem().Kind() == reflect.Uint8 {
		return append(out, value.Bytes()...), nil
	}
	for i := range value.Len() {
		var err error
		if out, err = appendValue(out, Fixed, value.Index(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func appendStruct(out []byte, value reflect.Value) ([]byte, error) {
	for i := range value.NumField() {
		var err error
		if out, err = appendValue(out, fieldMode(value.Type().Field(i)), value.Field(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", value.Type().Field(i).Name, err)
		}
	}
	return out, nil
}

// fieldMode reads the tag; only this spelling of it counts.
func fieldMode(field reflect.StructField) Mode {
	if field.Tag.Get("iproto") == "ber" {
		return Ber
	}
	return Fixed
}

// width is how many bytes an integer has on the wire; int and uint have four.
func width(kind reflect.Kind) int {
	switch kind {
	case reflect.Int8, reflect.Uint8:
		return 1
	case reflect.Int16, reflect.Uint16:
		return 2
	case reflect.Int64, reflect.Uint64:
		return 8
	default:
		return 4
	}
}

func mask(width int) uint64 { return math.MaxUint64 >> (64 - 8*width) }

// appendInteger spells the lowest bytes of value. One byte is never BER.
func appendInteger(out []byte, mode Mode, value uint64, width int) []byte {
	if mode == Ber && width > 1 {
		return appendBer(out, value)
	}
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], value)
	return append(out, bytes[:width]...)
}
