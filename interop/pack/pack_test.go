package pack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"trunkline/interop/peerkit"
)

// description is a type as the vectors name it.
type description struct {
	K      string
	Elem   *description
	Fields []struct {
		Name string
		Type description
		Ber  bool
	}
}

// TestVectors packs the recorded values, and unpacks what go-iproto packed.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(peerkit.Vectors(), "iproto_pack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count   int
		Vectors []struct {
			Name, Mode, Hex string
			Types           []description
			Values          []any
			Decoded         []any `json:"decoded_values"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, vector := range file.Vectors {
		ok := t.Run(vector.Name, func(t *testing.T) {
			mode := Fixed
			if vector.Mode == "ber" {
				mode = Ber
			}
			want, err := hex.DecodeString(vector.Hex)
			if err != nil {
				t.Fatal(err)
			}
			values := goValues(vector.Types, vector.Values)
			got, err := Pack(mode, values...)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("packs to %x (%v), want %x", got, err, want)
			}
			if vector.Decoded != nil {
				values = goValues(vector.Types, vector.Decoded)
			}
			checkUnpack(t, mode, want, values)
		})
		if ok {
			passed++
		}
	}
	t.Logf("vectors: iproto_pack.json %d run, %d passed", len(file.Vectors), passed)
	if len(file.Vectors) != file.Count || file.Count == 0 {
		t.Errorf("file announces %d vectors, has %d", file.Count, len(file.Vectors))
	}
}

// checkUnpack wants the values back, and an error for anything shorter or longer.
func checkUnpack(t *testing.T, mode Mode, data []byte, values []any) {
	targets := func() []any {
		var targets []any
		for _, value := range values {
			targets = append(targets, reflect.New(reflect.TypeOf(value)).Interface())
		}
		return targets
	}
	filled := targets()
	if err := Unpack(mode, data, filled...); err != nil {
		t.Fatal(err)
	}
	for i, target := range filled {
		if got := reflect.ValueOf(target).Elem().Interface(); !reflect.DeepEqual(got, values[i]) {
			t.Errorf("unpacks to %v, want %v", got, values[i])
		}
	}
	if err := Unpack(mode, append(data[:len(data):len(data)], 0), targets()...); err == nil {
		t.Error("a byte too many is accepted")
	}
	for n := range data {
		if err := Unpack(mode, data[:n], targets()...); err == nil {
			t.Errorf("%d bytes of %d are accepted", n, len(data))
		}
	}
}

func goValues(types []description, values []any) []any {
	var made []any
	for i, value := range values {
		made = append(made, goValue(goType(types[i]), value).Interface())
	}
	return made
}

var scalars = map[string]reflect.Type{
	"u8": reflect.TypeFor[uint8](), "u16": reflect.TypeFor[uint16](), "u32": reflect.TypeFor[uint32](),
	"u64": reflect.TypeFor[uint64](), "i8": reflect.TypeFor[int8](), "i16": reflect.TypeFor[int16](),
	"i32": reflect.TypeFor[int32](), "i64": reflect.TypeFor[int64](), "int": reflect.TypeFor[int](),
	"uint": reflect.TypeFor[uint](), "string": reflect.TypeFor[string](), "bytes": reflect.TypeFor[[]byte](),
}

func goType(d description) reflect.Type {
	switch d.K {
	case "slice":
		return reflect.SliceOf(goType(*d.Elem))
	case "struct":
		var fields []reflect.StructField
		for _, field := range d.Fields {
			made := reflect.StructField{Name: field.Name, Type: goType(field.Type)}
			if field.Ber {
				made.Tag = `iproto:"ber"`
			}
			fields = append(fields, made)
		}
		return reflect.StructOf(fields)
	default:
		return scalars[d.K]
	}
}

func goValue(ty reflect.Type, value any) reflect.Value {
	made := reflect.New(ty).Elem()
	switch ty.Kind() {
	case reflect.String:
		if hexed, ok := value.(map[string]any); ok {
			made.SetString(string(fromHex(hexed["hex"].(string))))
		} else {
			made.SetString(value.(string))
		}
	case reflect.Slice:
		if ty.Elem().Kind() == reflect.Uint8 {
			made.SetBytes(fromHex(value.(string)))
			break
		}
		made.Set(reflect.MakeSlice(ty, 0, 0))
		for _, item := range value.([]any) {
			made.Set(reflect.Append(made, goValue(ty.Elem(), item)))
		}
	case reflect.Struct:
		for i, field := range value.([]any) {
			made.Field(i).Set(goValue(ty.Field(i).Type, field))
		}
	default:
		if made.CanInt() {
			number, err := strconv.ParseInt(value.(string), 10, 64)
			check(err)
			made.SetInt(number)
		} else {
			number, err := strconv.ParseUint(value.(string), 10, 64)
			check(err)
			made.SetUint(number)
		}
	}
	return made
}

func fromHex(text string) []byte {
	data, err := hex.DecodeString(text)
	check(err)
	return data
}

// check is for mistakes in the vectors themselves.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
