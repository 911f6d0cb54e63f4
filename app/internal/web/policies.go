package web

func (s *Server) policyRoutes() []route { return nil }
