package customer

import (
	"kontor/app/account"
	"kontor/policies"
)

// seesAllCustomers says whether the overview shows every customer to the caller.
func (s *Screens) seesAllCustomers(c account.Caller) (bool, error) {
	where, nothing, err := s.customers.Within(c, policies.Permission{Object: policies.ObjectCustomer, Action: policies.List})
	return err == nil && !nothing && where == nil, err
}
