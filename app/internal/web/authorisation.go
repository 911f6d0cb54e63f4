package web

func (s *Server) authorisationRoutes() []route { return nil }
