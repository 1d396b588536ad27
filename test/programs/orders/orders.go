// Command orders is a small service without a network: it stores the same few orders again and again, so that an
// editor has business functions with structs, maps, errors, contexts and interfaces to show.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

type Address struct {
	Street, City string
}

type Customer struct {
	Name  string
	Email string
	Home  *Address
}

type Item struct {
	SKU   string
	Count int
	Price float64
}

type Payment interface {
	Charge(amount float64) error
}

type Card struct {
	Last4   string
	Token   string
	Expires time.Time
}

func (c *Card) Charge(amount float64) error { return nil }

type Voucher string

func (v Voucher) Charge(amount float64) error { return nil }

type Order struct {
	ID       int64
	Customer *Customer
	Items    []Item
	Tags     map[string]string
	Payment  Payment
	Note     string
}

type StockError struct {
	SKU          string
	Wanted, Left int
}

func (e *StockError) Error() string {
	return fmt.Sprintf("%s: %d wanted, %d left", e.SKU, e.Wanted, e.Left)
}

var errEmpty = errors.New("an order without items")

type requestKey struct{}

type Store struct {
	mu     sync.Mutex
	orders map[int64]*Order
	stock  map[string]int
}

// Put stores an order and returns what it costs.
//
//go:noinline
func (s *Store) Put(ctx context.Context, o *Order, discount float64) (total float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if o == nil || len(o.Items) == 0 {
		return 0, fmt.Errorf("put: %w", errEmpty)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range o.Items {
		if left := s.stock[item.SKU]; left < item.Count {
			return 0, &StockError{item.SKU, item.Count, left}
		}
		total += float64(item.Count) * item.Price
	}
	total *= 1 - discount
	s.orders[o.ID] = o
	return total, o.Payment.Charge(total)
}

// Find returns the stored orders whose tags match.
//
//go:noinline
func (s *Store) Find(tags map[string]string, limit int, accept func(*Order) bool) ([]*Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Order
	for _, o := range s.orders {
		for name, value := range tags {
			if o.Tags[name] == value && accept(o) && len(found) < limit {
				found = append(found, o)
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no such order")
	}
	return found, nil
}

func orders() []*Order {
	ada := &Customer{"Ada Lovelace", "ada@example.com", &Address{"12 St James's Square", "London"}}
	card := &Card{"4242", "tok_5f2e9a", time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)}
	return []*Order{
		{7, ada, []Item{{"TEA-1", 2, 4.5}, {"CUP-9", 1, 12}}, map[string]string{"channel": "web", "gift": "yes"}, card, ""},
		{8, ada, []Item{{"POT-3", 40, 29.9}}, map[string]string{"channel": "phone"}, Voucher("SPRING"), "call before delivery: the bell is broken, and the dog is friendly but loud"},
		{9, &Customer{Name: "Grace Hopper"}, nil, nil, nil, ""},
		nil,
	}
}

// inARow calls are alike, for as long as an editor needs to show one of them.
const inARow = 10

func main() {
	store := &Store{orders: map[int64]*Order{}, stock: map[string]int{"TEA-1": 10, "CUP-9": 3, "POT-3": 5}}
	list := orders()
	for i := 0; ; i++ {
		request := context.WithValue(context.Background(), requestKey{}, fmt.Sprintf("r-%d", i))
		ctx, cancel := context.WithTimeout(request, time.Second)
		_, _ = store.Put(ctx, list[i/inARow%len(list)], 0.1)
		least := int64(i / inARow % 2)
		_, _ = store.Find(map[string]string{"channel": "web"}, 3, func(o *Order) bool { return o.ID > least*100 })
		cancel()
		time.Sleep(100 * time.Millisecond)
	}
}
