package web

func (s *Server) handoverRoutes() []route { return nil }
