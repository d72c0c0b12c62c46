package pack

import "errors"

var errBer = errors.New("bad BER integer")

// appendBer spells value in groups of seven bits, the most significant first; all
// but the last have bit 7 set.
func appendBer(out []byte, value uint64) []byte {
	shift := 0
	for value>>shift > 0x7f {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		out = append(out, byte(value>>shift)|0x80)
	}
	return append(out, byte(value)&0x7f)
}

// cutBer reads an integer of at most width bytes and returns what follows it.
func cutBer(data []byte, width int) (uint64, []byte, error) {
	var value uint64
	for i, group := range data {
		if value > mask(width)>>7 {
			return 0, nil, errBer
		}
		value = value<<7 | uint64(group&0x7f)
		if group&0x80 == 0 {
			return value, data[i+1:], nil
		}
	}
	return 0, nil, errBer
}
