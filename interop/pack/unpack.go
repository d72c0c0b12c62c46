package pack

import (
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
)

// Unpack fills the targets, which are pointers, with what data holds. Nothing may
// be left over.
func Unpack(mode Mode, data []byte, targets ...any) error {
	for _, target := range targets {
		var err error
		if data, err = cutValue(data, mode, reflect.ValueOf(target).Elem()); err != nil {
			return err
		}
	}
	if len(data) > 0 {
		return fmt.Errorf("%d bytes are left over", len(data))
	}
	return nil
}

// cutValue reads one value and returns what follows it.
func cutValue(data []byte, mode Mode, target reflect.Value) ([]byte, error) {
	switch kind := target.Kind(); kind {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
		value, rest, err := cutInteger(data, mode, width(kind))
		target.SetUint(value)
		return rest, err
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		value, rest, err := cutInteger(data, mode, width(kind))
		unused := 64 - 8*width(kind)
		target.SetInt(int64(value<<unused) >> unused) // with its sign
		return rest, err
	case reflect.String:
		text, rest, err := cutBytes(data, mode)
		target.SetString(string(text))
		return rest, err
	case reflect.Slice:
		return cutSlice(data, mode, target)
	case reflect.Struct:
		return cutStruct(data, target)
	default:
		return nil, fmt.Errorf("%s has no packed form", target.Type())
	}
}

func cutSlice(data []byte, mode Mode, target reflect.Value) ([]byte, error) {
	if target.Type().Elem().Kind() == reflect.Uint8 {
		bytes, rest, err := cutBytes(data, mode)
		target.SetBytes(append([]byte{}, bytes...))
		return rest, err
	}
	count, data, err := cutInteger(data, mode, 4)
	if err != nil {
		return nil, err
	}
	// Grown item by item: the count is only what the other side says.
	target.Set(reflect.MakeSlice(target.Type(), 0, 0))
	for range count {
		item := reflect.New(target.Type().Elem()).Elem()
		if data, err = cutValue(data, Fixed, item); err != nil {
			return nil, err
		}
		target.Set(reflect.Append(target, item))
	}
	return data, nil
}

func cutStruct(data []byte, target reflect.Value) ([]byte, error) {
	for i := range target.NumField() {
		var err error
		if data, err = cutValue(data, fieldMode(target.Type().Field(i)), target.Field(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", target.Type().Field(i).Name, err)
		}
	}
	return data, nil
}

func cutBytes(data []byte, mode Mode) ([]byte, []byte, error) {
	length, data, err := cutInteger(data, mode, 4)
	if err != nil {
		return nil, nil, err
	}
	if length > uint64(len(data)) {
		return nil, nil, fmt.Errorf("a length of %d, but %d bytes are left", length, len(data))
	}
	return data[:length], data[length:], nil
}

func cutInteger(data []byte, mode Mode, width int) (uint64, []byte, error) {
	if mode == Ber && width > 1 {
		return cutBer(data, width)
	}
	if len(data) < width {
		return 0, nil, io.ErrUnexpectedEOF
	}
	var bytes [8]byte
	copy(bytes[:], data[:width])
	return binary.LittleEndian.Uint64(bytes[:]), data[width:], nil
}
