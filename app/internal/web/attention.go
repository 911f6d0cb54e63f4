package web

func (s *Server) attentionRoutes() []route { return nil }
