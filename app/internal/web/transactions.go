package web

func (s *Server) transactionRoutes() []route { return nil }
